// erg sample RUN: new samples from a run's newest checkpoint.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "../engine/io/checkpoint.h"
#include "../engine/io/npy.h"
#include "commands.h"
#include "data.h"
#include "error.h"
#include "picture.h"
#include "recipes.h"
#include "run.h"

namespace erg::tools {

namespace {

struct Options {
  std::string run, out = "samples.png", sampler = "generator";
  int64_t count = 64, steps = 100;
  double step = 0.01;
  uint64_t seed = 1;
};

Tensor draw(Trainer& trainer, const Options& options) {
  Noise noise(options.seed, "samples");
  if (options.sampler == "generator") return trainer.sample(options.count, noise);
  if (!trainer.has_latent_energy())
    throw UsageError("--sampler ddls needs a run of a system with a generator and a discriminator");
  const Langevin langevin = Langevin::ddls(real(options.step));
  const Tensor start = trainer.prior(options.count, noise);
  return trainer.generate(run(langevin, trainer.latent_energy(), start, options.steps, noise));
}

int sample(const Options& options) {
  const std::filesystem::path run = options.run, out = options.out;
  const Settings settings = read_config(run / "config.ini");
  const std::unique_ptr<Trainer> trainer = make_trainer(settings, sample_shape(settings.data));
  io::load(newest_checkpoint(run), *trainer);

  const Tensor samples = draw(*trainer, options);
  if (out.extension() == ".png") {
    io::write_png(out, sample_picture(samples, mixture_of(settings.data)));
  } else if (out.extension() == ".npy") {
    io::write_npy(out, samples);
  } else if (out.extension() == ".safetensors") {
    io::StateDict dict;
    dict.tensors["samples"] = samples;
    io::write_safetensors(out, dict);
  } else {
    throw UsageError("--out " + options.out + ": expected a name that ends in .png, .npy or .safetensors");
  }
  std::printf("%s\n", options.out.c_str());
  return Exit::ok;
}

}  // namespace

void add_sample(CLI::App& app, const Common&, Run& run) {
  CLI::App* command = app.add_subcommand("sample", "Draw new samples from a trained run");
  auto options = std::make_shared<Options>();
  command->option_defaults()->always_capture_default();
  command->add_option("run", options->run, "Run directory")->required();
  command->add_option("--out", options->out, "File to write: .png, .npy or .safetensors");
  command->add_option("--n", options->count, "How many samples")->check(at_least(1));
  command->add_option("--sampler", options->sampler, "generator, or ddls (Langevin dynamics in latent space)")
      ->check(CLI::IsMember({"generator", "ddls"}));
  command->add_option("--steps", options->steps, "ddls: steps of the chain")->check(at_least(0));
  command->add_option("--epsilon", options->step, "ddls: step size");
  command->add_option("--seed", options->seed, "Which samples")->check(at_least(0));
  command->callback([&run, options] { run = [options] { return sample(*options); }; });
}

}  // namespace erg::tools
