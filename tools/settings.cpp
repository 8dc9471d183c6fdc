#include "settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <sstream>

#include "../engine/io/error.h"
#include "../engine/io/file.h"
#include "../kernels/cpu/parallel.h"
#include "data.h"
#include "error.h"
#include "recipes/networks.h"
#include "recipes/recipes.h"

namespace erg::tools {

namespace {

/// CLI11's own range checks print the limits of a double; this says what is wanted.
template <class Number>
CLI::Validator must_be(const std::string& wanted, std::function<bool(Number)> holds) {
  return CLI::Validator(
      [=](std::string& text) -> std::string {
        Number number;
        return CLI::detail::lexical_cast(text, number) && holds(number) ? "" : "expected " + wanted + ", got " + text;
      },
      "");
}

/// Networks compute in single precision: what it cannot hold would become 0 or infinite there.
bool fits_float(double x) {
  using Float = std::numeric_limits<float>;
  return x == 0 || (std::abs(x) >= double(Float::min()) && std::abs(x) <= double(Float::max()));
}

CLI::Validator not_negative() {
  return must_be<double>("0 or a number from 1.2e-38 to 3.4e38", [](double x) { return x >= 0 && fits_float(x); });
}

CLI::Validator decay() {
  return must_be<double>("a number in [0,1)", [](double x) { return x >= 0 && x < 1; });
}

}  // namespace

CLI::Validator positive() {
  return must_be<double>("a positive number, from 1.2e-38 to 3.4e38", [](double x) { return x > 0 && fits_float(x); });
}

CLI::Validator at_least(int64_t least, int64_t most) {
  const bool bounded = most < std::numeric_limits<int32_t>::max();
  const std::string wanted = bounded ? "a whole number from " + std::to_string(least) + " to " + std::to_string(most)
                                     : "a whole number of at least " + std::to_string(least) +
                                           (most < std::numeric_limits<int64_t>::max() ? ", below 2^31" : "");
  return CLI::Validator(
      [=](const std::string& text) -> std::string {
        int64_t n;  // CLI11 would take the nearest number that 64 bits hold
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        return whole && n >= least && n <= most ? "" : "expected " + wanted + ", got " + text;
      },
      "");
}

CLI::Validator seed_number() { return at_least(0, std::numeric_limits<int64_t>::max()); }

void add_device(CLI::App& command, std::string& device) {
  command.add_option("--device", device, "Where to compute: cpu, cuda, cuda:N, or auto: a GPU if there is one");
}

void use_threads(int threads) {
#ifdef _OPENMP
  omp_set_num_threads(threads);
#else
  if (threads > 1) throw UsageError("--threads: this build has no OpenMP and runs on one thread");
#endif
}

Device device_of(const Settings& settings) {
  try {
    return device_named(settings.device);
  } catch (const std::invalid_argument& error) { throw UsageError("--device: " + std::string(error.what())); }
}

namespace {

void add_general(CLI::App& command, Settings& s) {
  command.add_option("system", s.system, "What to train: " + join(recipe_names()))->required(s.resume.empty());
  command.add_option("--data", s.data, "Data set: " + join(data_names()));
  command.add_option("--data-dir", s.data_dir, "Folder of the image sets (default: $ERG_DATA, then ./data)")
      ->envname("ERG_DATA");
  command.add_option(
      "--preset", s.preset,
      "Where all else comes from: paper, the paper's networks and constants; or small, for two CPU cores");
  command.add_option("--resume", s.resume, "Run directory in which to go on, from its newest checkpoint")
      ->configurable(false);
  command.add_option("--out", s.out, "Run directory (default: runs/SYSTEM-DATA)");
  add_device(command, s.device);
  command.add_option("--nets", s.nets, "Networks: " + join(network_names()));
  command.add_option("--steps", s.steps, "Training steps")->check(at_least(1));
  command.add_option("--batch", s.batch, "Samples a step")->check(at_least(2));
  command.add_option("--latent", s.latent, "Size of the generator's input")->check(at_least(1));
  command.add_option("--width", s.width, "Channels (images: at the finest level) or hidden units (2-D)")
      ->check(at_least(1));
  command.add_option("--rate", s.rate, "Learning rate")->check(positive());
  command.add_option("--beta1", s.beta1, "Adam's decay of the mean gradient")->check(decay());
  command.add_option("--beta2", s.beta2, "Adam's decay of the mean squared gradient")->check(decay());
  command
      .add_option("--adam-clip", s.adam_clip,
                  "Clip each gradient element at this many of Adam's deviations (0: do not)")
      ->check(not_negative());
  command
      .add_option("--schedule", s.schedule,
                  "The rate over time: constant; linear: down to zero; late: down to zero over the second half;\n"
                  "last-third: over the last third")
      ->check(CLI::IsMember({"constant", "linear", "late", "last-third"}));
  command
      .add_option("--critic-steps", s.critic_steps,
                  "Steps of the critic, discriminator or energy for one of the generator")
      ->check(at_least(1, 1000000));
  command.add_option("--seed", s.seed, "Seed of everything random")->check(seed_number());
  command.add_option("--sample-every", s.sample_every, "Steps between pictures (0: ten a run)")->check(at_least(0));
  command.add_option("--checkpoint-every", s.checkpoint_every, "Steps between checkpoints (0: ten a run)")
      ->check(at_least(0));
  command.add_option("--keep", s.keep, "How many checkpoints to keep, the newest (0: all)")->check(at_least(0));
  command.add_option("--guard", s.guard,
                     "When training diverges, go back to the last checkpoint and on with other noise, up to three "
                     "times (true or false)");
  command
      .add_flag_callback(
          "--no-guard", [&s] { s.guard = false; }, "The same as --guard false")
      ->configurable(false);
  command.add_option("--penalty", s.penalty, "Weight of the gradient penalty (wgan-gp, meg, ddgm)")
      ->check(not_negative());
  command.add_option("--batch-norm", s.batch_norm, "Batch norm in the discriminator (gan, lsgan, wgan; true or false)");
  command.add_option(
      "--dequantise", s.dequantise,
      "Images: spread each of the 256 values over its bin, (x + u) / 128 - 1 with u in [0,1) (true or false)");
  command.add_option("--labels", s.labels, "How many samples' labels are known, as many of each class (0: all)")
      ->check(at_least(0));
}

void add_chains(CLI::App& command, Settings& s) {
  const std::string chains = "Energies with chains (ebm, jem)";
  command.add_option("--energy-l2", s.energy_l2, "Weight of the squared energies")
      ->check(not_negative())
      ->group(chains);
  command.add_option("--data-noise", s.data_noise, "Standard deviation of noise added to the data")
      ->check(not_negative())
      ->group(chains);
  command.add_option("--energy-weight", s.energy_weight, "Weight of log p(x) beside log p(y|x) (jem)")
      ->check(not_negative())
      ->group(chains);
  command
      .add_option(
          "--last-step", s.last_step,
          "Weight of the energy after one more step of the chains, which the loss is differentiated through (ebm)")
      ->check(not_negative())
      ->group(chains);
  command
      .add_option("--watch-gradient", s.watch_gradient,
                  "Report the gradient on the chains, one more pass a step (ebm; true or false)")
      ->group(chains);
  command
      .add_option("--chain-start", s.chain_start,
                  "Where chains begin: buffer, where earlier ones ended; data, as in contrastive divergence")
      ->check(CLI::IsMember({"buffer", "data"}))
      ->group(chains);
  command.add_option("--chain-steps", s.chain_steps, "Langevin steps a training step")
      ->check(at_least(1))
      ->group(chains);
  command.add_option("--chain-step", s.chain_step, "Langevin step on the energy's gradient")
      ->check(not_negative())
      ->group(chains);
  command.add_option("--chain-noise", s.chain_noise, "Standard deviation of a Langevin step's noise")
      ->check(not_negative())
      ->group(chains);
  command.add_option("--chain-clip", s.chain_clip, "Clip each element of the gradient to this (0: do not)")
      ->check(not_negative())
      ->group(chains);
  command
      .add_option("--chain-noise-first", s.chain_noise_first,
                  "Take the gradient after the noise has been added (true or false)")
      ->group(chains);
  command.add_option("--buffer", s.buffer, "Chains that persist between training steps")
      ->check(at_least(1))
      ->group(chains);
  command.add_option("--buffer-policy", s.buffer_policy, "How chains are put back: in-place, fifo or reservoir")
      ->check(CLI::IsMember({"in-place", "fifo", "reservoir"}))
      ->group(chains);
  command.add_option("--buffer-bytes", s.buffer_bytes, "Images: keep chains as bytes (true or false)")->group(chains);
  command.add_option("--restart", s.restart, "A chain's chance to begin anew each training step")
      ->check(must_be<double>("a number in [0,1]", [](double x) { return x >= 0 && x <= 1; }))
      ->group(chains);
}

void add_single(CLI::App& command, Settings& s) {
  const std::string single = "Of single systems";
  command.add_option("--loss", s.loss, "The form of the loss; " + losses_text())->group(single);
  command.add_option("--critic-rate", s.critic_rate, "Learning rate of the critic or discriminator (0: the same)")
      ->check(not_negative())
      ->group(single);
  command.add_option("--weight-clip", s.weight_clip, "Bound of the critic's weights (wgan)")
      ->check(positive())
      ->group(single);
  command.add_option("--unroll", s.unroll, "Steps of the discriminator that the generator sees ahead (unrolled)")
      ->check(at_least(0, 1000000))
      ->group(single);
  command.add_option("--unroll-rate", s.unroll_rate, "Learning rate of those steps (unrolled)")
      ->check(positive())
      ->group(single);
  command.add_option("--deviation", s.deviation, "Standard deviation of the reconstructor's noise (veegan)")
      ->check(not_negative())
      ->group(single);
  command.add_option("--entropy", s.entropy, "Weight of the generator's entropy (ddgm)")
      ->check(not_negative())
      ->group(single);
  command.add_option("--experts", s.experts, "Experts of the energy (ddgm)")->check(at_least(1))->group(single);
  command
      .add_option("--pixel-penalty", s.pixel_penalty,
                  "The authors' penalty on images, of each pixel's gradient (meg; true or false)")
      ->group(single);
  command
      .add_option("--margin", s.margin,
                  "Energy up to which fakes are pushed (ebgan); at the start, from which it falls to zero (ebgan-ln)")
      ->check(not_negative())
      ->group(single);
  command.add_option("--pulling-away", s.pulling_away, "Weight of the pulling-away term (ebgan)")
      ->check(not_negative())
      ->group(single);
  command.add_option("--layers", s.layers, "Layers of the generator (nets ebgan; ebgan-ln)")
      ->check(at_least(1))
      ->group(single);
  command.add_option("--critic-layers", s.critic_layers, "Layers of the discriminator (nets ebgan)")
      ->check(at_least(2))
      ->group(single);
  command
      .add_option("--critic-width", s.critic_width,
                  "Hidden units of the discriminator (nets ebgan), or of the first layer (ladder, ebgan-ln)")
      ->check(at_least(1))
      ->group(single);
  command.add_option("--dropout", s.dropout, "Chance of each unit of the discriminator to be dropped (nets ebgan)")
      ->check(decay())
      ->group(single);
  command
      .add_option("--cost-weight", s.cost_weight,
                  "Weight of the reconstruction (ladder, ebgan-ln; 0: 5000 with up to 100 labels, 2000 with more)")
      ->check(not_negative())
      ->group(single);
  command
      .add_option("--ladder-noise", s.ladder_noise, "Standard deviation of the noise in every layer (ladder, ebgan-ln)")
      ->check(not_negative())
      ->group(single);
}

}  // namespace

void add_settings(CLI::App& command, Settings& s) {
  command.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_general(command, s);
  add_chains(command, s);
  add_single(command, s);
}

double rate_at(const Settings& s, int64_t step) {
  const double left = double(s.steps - step + 1) / double(s.steps);
  if (s.schedule == "linear") return s.rate * left;
  if (s.schedule == "late") return s.rate * std::min(1.0, 2 * left);
  if (s.schedule == "last-third") return s.rate * std::min(1.0, 3 * left);
  return s.rate;
}

namespace {

/// A config file is a section of the program's, named after the command: what --config reads.
void declare_train(CLI::App& root, Settings& settings) {
  add_settings(*root.add_subcommand("train")->configurable(), settings);
}

}  // namespace

std::string to_config(Settings settings) {
  CLI::App root;
  declare_train(root, settings);
  return root.config_to_str(true, false);
}

Settings resumed(const std::filesystem::path& run) {
  Settings settings = read_config(run / "config.ini");
  settings.out = settings.resume = run.string();
  return settings;
}

void check_resumable(const Settings& settings) {
  Settings of_run = resumed(settings.resume);
  of_run.steps = settings.steps;
  of_run.sample_every = settings.sample_every;
  of_run.checkpoint_every = settings.checkpoint_every;
  of_run.keep = settings.keep;
  of_run.guard = settings.guard;
  of_run.device = settings.device;
  of_run.data_dir = settings.data_dir;
  std::istringstream was(to_config(of_run)), is(to_config(settings));
  for (std::string before, now; std::getline(was, before) && std::getline(is, now);)
    if (before != now)
      throw UsageError("--resume " + settings.resume + ": the run has " + before + ", not " + now +
                       "; only steps, intervals, keep, guard, device and data-dir may change");
}

Settings read_config(const std::filesystem::path& file) {
  io::read_file(file, 1 << 20);  // says what is wrong with a file that is not there
  Settings settings;
  CLI::App root;
  declare_train(root, settings);
  root.set_config("--config", file.string(), "", true);
  root.allow_config_extras(CLI::config_extras_mode::error);
  try {
    root.parse("train", false);
  } catch (const CLI::ParseError& error) {
    throw io::DataError(file, std::string(error.what()).substr(0, 200));  // it may cite a whole line of the file
  }
  return settings;
}

}  // namespace erg::tools
