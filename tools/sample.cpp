// erg sample RUN: new samples from a run's newest checkpoint.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "../engine/io/npy.h"
#include "../engine/io/png.h"
#include "../engine/io/safetensors.h"
#include "commands.h"
#include "data.h"
#include "error.h"
#include "picture.h"
#include "refining.h"
#include "sampling.h"

namespace erg::tools {

namespace {

struct Options {
  std::string run, out = "samples.png", device = "auto";
  int64_t count = 64, steps = 100;
  uint64_t seed = 1;
  SamplerSettings sampler{.sampler = "generator"};
  RefinerSettings refiner;
};

Tensor draw(const TrainedRun& run, const Options& options, bool quiet) {
  if (!options.refiner.refiner.empty()) return refine(options.refiner, run, options.count, options.seed, quiet);
  if (options.sampler.sampler == "generator") {
    Noise noise(options.seed, "samples", device_of(run.settings));
    return run.trainer->sample(options.count, noise);
  }
  const Target target = run.target(options.sampler.space);
  const auto sampling = start_sampling(options.sampler, run, options.count, options.steps, options.seed);
  const Tensor samples = target.samples(sampling->advance(options.steps));
  if (const std::string report = sampling->report(); !quiet && !report.empty())
    std::fprintf(stderr, "%s: %s\n", options.sampler.sampler.c_str(), report.c_str());
  return samples;
}

int sample(const Options& options, bool quiet) {
  const std::filesystem::path out = options.out, type = out.extension();
  if (type != ".png" && type != ".npy" && type != ".safetensors")
    throw UsageError("--out " + options.out + ": expected a name that ends in .png, .npy or .safetensors");
  const TrainedRun run(options.run, options.device);
  const Tensor samples = draw(run, options, quiet);
  if (type == ".png") {
    io::write_png(out, sample_picture(samples, mixture_of(run.settings.data)));
  } else if (type == ".npy") {
    io::write_npy(out, samples);
  } else {
    io::StateDict dict;
    dict.tensors["samples"] = samples;
    io::write_safetensors(out, dict);
  }
  std::printf("%s\n", options.out.c_str());
  return Exit::ok;
}

}  // namespace

void add_sample(CLI::App& app, const Common& common, Run& run) {
  CLI::App* command = app.add_subcommand("sample", "Draw new samples from a trained run");
  auto options = std::make_shared<Options>();
  std::vector<std::string> names = sampler_names();
  names.insert(names.begin(), "generator");
  command->option_defaults()->always_capture_default();
  command->add_option("run", options->run, "Run directory")->required();
  command->add_option("--out", options->out, "File to write: .png, .npy or .safetensors");
  add_device(*command, options->device);
  command->add_option("--n", options->count, "How many samples")->check(at_least(1));
  command->add_option("--seed", options->seed, "Which samples")->check(seed_number());
  command
      ->add_option("--sampler", options->sampler.sampler,
                   "generator: the system's own way; or chains on its energy, by")
      ->check(CLI::IsMember(names));
  command->add_option("--steps", options->steps, "Steps of the chains")->check(at_least(0));
  add_sampler_settings(*command, options->sampler);
  add_refiner_settings(*command, options->refiner);
  command->callback([&run, &common, options] { run = [options, &common] { return sample(*options, common.quiet); }; });
}

}  // namespace erg::tools
