#include "options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

#include "data.h"
#include "error.h"
#include "recipes/networks.h"
#include "recipes/recipes.h"
#include "spelling.h"

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

/// CLI11 knows more words for these; 1 and 0 are among those that run directories have had.
CLI::Validator true_or_false() {
  return CLI::Validator(
      [](const std::string& text) {
        const bool known = text == "true" || text == "false" || text == "1" || text == "0";
        return known ? "" : "expected true or false, got " + text;
      },
      "{true,false}");
}

CLI::Validator probability() {
  return must_be<double>("a number in [0,1]", [](double x) { return x >= 0 && x <= 1; });
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

CLI::Validator one_of(const std::string& kind, const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ",") + word;
  return CLI::Validator(
      [=](const std::string& text) {
        return std::ranges::find(words, text) != words.end() ? "" : unknown(kind, text, words);
      },
      "{" + all + "}");
}

CLI::Validator plain_path() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        const auto control = [](unsigned char c) { return c < ' ' || c == 127; };
        if (std::ranges::any_of(text, control))
          return "expected a path without line breaks or other control characters";
        const auto has = [&](char c) { return text.find(c) != std::string::npos; };
        // A config file has no way to write such texts.
        if (has('#')) return "expected a path without #, got " + text;
        return has('"') && has('\'') ? "expected a path with one kind of quotation marks at most, got " + text : "";
      },
      "");
}

void add_device(CLI::App& command, std::string& device) {
  command.add_option("--device", device, "Where to compute: cpu, cuda, cuda:N, or auto: a GPU if there is one");
}

namespace {

/// Declares options in one group of the help.
struct Group {
  CLI::App& command;
  const char* name;

  template <class T>
  CLI::Option* add(const char* option, T& value, const std::string& help) const {
    return command.add_option(option, value, help)->group(name);
  }
  /// The default is told with all its digits, which CLI11 would round to six.
  CLI::Option* add(const char* option, double& value, const std::string& help) const {
    char text[32];
    *std::to_chars(text, text + sizeof text - 1, value).ptr = '\0';
    return command.add_option(option, value, help)->group(name)->default_str(text);
  }
  CLI::Option* add(const char* option, bool& value, const std::string& help) const {
    return command.add_option(option, value, help)
        ->group(name)
        ->default_str(value ? "true" : "false")
        ->check(true_or_false());
  }
};

void add_data(CLI::App& command, Settings& s) {
  command.add_option("system", s.system, "What to train")
      ->required(s.resume.empty())
      ->check(one_of("system", recipe_names()));
  const Group group{command, "Data"};
  group.add("--data", s.data, "Data set")->check(one_of("data set", data_names()));
  group.add("--data-dir", s.data_dir, "Folder of the image sets (default: $ERG_DATA, then ./data)")
      ->check(plain_path());
  group.add("--dequantise", s.dequantise,
            "Images: spread each of the 256 values over its bin, (x + u) / 128 - 1 with u in [0,1)");
  group.add("--labels", s.labels, "How many samples' labels are known, as many of each class (0: all)")
      ->check(at_least(0));
  group.add("--data-noise", s.data_noise, "Standard deviation of noise added to the data")->check(not_negative());
}

void add_networks(CLI::App& command, Settings& s) {
  const Group group{command, "Networks"};
  group.add("--nets", s.nets, "Networks, by the paper they are from")->check(one_of("nets", network_names()));
  group.add("--latent", s.latent, "Size of the generator's input")->check(at_least(1));
  group.add("--width", s.width, "Channels (images: at the finest level) or hidden units (2-D)")->check(at_least(1));
  group.add("--layers", s.layers, "Layers of the generator")->check(at_least(1));
  group.add("--critic-layers", s.critic_layers, "Layers of the discriminator")->check(at_least(2));
  group.add("--critic-width", s.critic_width, "Hidden units of the discriminator, or of a ladder's first layer")
      ->check(at_least(1));
  group.add("--dropout", s.dropout, "Chance of each unit of the discriminator to be dropped")->check(decay());
  group.add("--batch-norm", s.batch_norm, "Batch norm in the discriminator");
  group.add("--experts", s.experts, "Experts of the energy")->check(at_least(1));
  group.add("--ladder-noise", s.ladder_noise, "Standard deviation of the noise in every layer")->check(not_negative());
}

void add_training(CLI::App& command, Settings& s) {
  const Group group{command, "Training"};
  group.add("--steps", s.steps, "Training steps")->check(at_least(1));
  group.add("--batch", s.batch, "Samples a step")->check(at_least(2));
  group.add("--rate", s.rate, "Learning rate")->check(positive());
  group.add("--critic-rate", s.critic_rate, "Learning rate of the critic or discriminator (0: the same)")
      ->check(not_negative());
  group
      .add("--schedule", s.schedule,
           "The rate over time; linear: down to zero; late: down to zero over the second half;\n"
           "last-third: over the last third")
      ->check(one_of("schedule", {"constant", "linear", "late", "last-third"}));
  group.add("--beta1", s.beta1, "Adam's decay of the mean gradient")->check(decay());
  group.add("--beta2", s.beta2, "Adam's decay of the mean squared gradient")->check(decay());
  group.add("--adam-clip", s.adam_clip, "Clip each gradient element at this many of Adam's deviations (0: do not)")
      ->check(not_negative());
  group.add("--critic-steps", s.critic_steps, "Steps of the critic, discriminator or energy for one of the generator")
      ->check(at_least(1, 1000000));
}

void add_losses(CLI::App& command, Settings& s) {
  const Group group{command, "Loss"};
  CLI::Option* loss = group.add("--loss", s.loss, "The form of the loss");
  if (const auto losses = losses_of(s.system); !losses.empty()) loss->check(one_of("loss of " + s.system, losses));
  group.add("--penalty", s.penalty, "Weight of the gradient penalty")->check(not_negative());
  group.add("--pixel-penalty", s.pixel_penalty, "The authors' penalty on images, of each pixel's gradient");
  group.add("--weight-clip", s.weight_clip, "Bound of the critic's weights")->check(positive());
  group.add("--unroll", s.unroll, "Steps of the discriminator that the generator sees ahead")
      ->check(at_least(0, 1000000));
  group.add("--unroll-rate", s.unroll_rate, "Learning rate of those steps")->check(positive());
  group.add("--deviation", s.deviation, "Standard deviation of the reconstructor's noise")->check(not_negative());
  group.add("--entropy", s.entropy, "Weight of the generator's entropy")->check(not_negative());
  group
      .add("--margin", s.margin,
           "Energy up to which fakes are pushed; with a ladder at the start, from which it falls to zero")
      ->check(not_negative());
  group.add("--pulling-away", s.pulling_away, "Weight of the pulling-away term")->check(not_negative());
  group
      .add("--cost-weight", s.cost_weight,
           "Weight of the reconstruction (0: 5000 with up to 100 labels, 2000 with more)")
      ->check(not_negative());
  group.add("--energy-l2", s.energy_l2, "Weight of the squared energies")->check(not_negative());
  group.add("--energy-weight", s.energy_weight, "Weight of log p(x) beside log p(y|x)")->check(not_negative());
  group
      .add("--last-step", s.last_step,
           "Weight of the energy after one more step of the chains, which the loss is differentiated through")
      ->check(not_negative());
  group.add("--watch-gradient", s.watch_gradient, "Report the gradient on the chains, one more pass a step");
}

void add_sampling(CLI::App& command, Settings& s) {
  const Group group{command, "Sampling"};
  group
      .add("--chain-start", s.chain_start,
           "Where chains begin: buffer, where earlier ones ended; data, as in contrastive divergence")
      ->check(one_of("start", {"buffer", "data"}));
  group.add("--chain-steps", s.chain_steps, "Langevin steps a training step")->check(at_least(1));
  group.add("--chain-step", s.chain_step, "Langevin step on the energy's gradient")->check(not_negative());
  group.add("--chain-noise", s.chain_noise, "Standard deviation of a Langevin step's noise")->check(not_negative());
  group.add("--chain-clip", s.chain_clip, "Clip each element of the gradient to this (0: do not)")
      ->check(not_negative());
  group.add("--chain-noise-first", s.chain_noise_first, "Take the gradient after the noise has been added");
  group.add("--buffer", s.buffer, "Chains that persist between training steps")->check(at_least(1));
  group.add("--buffer-policy", s.buffer_policy, "How chains are put back")
      ->check(one_of("policy", {"in-place", "fifo", "reservoir"}));
  group.add("--buffer-bytes", s.buffer_bytes, "Images: keep chains as bytes");
  group.add("--restart", s.restart, "A chain's chance to begin anew each training step")->check(probability());
}

void add_run(CLI::App& command, Settings& s) {
  const Group group{command, "Run"};
  group.add("--preset", s.preset, "Where all else comes from: the paper, or small, for two CPU cores")
      ->check(one_of("preset", preset_names()));
  group.add("--resume", s.resume, "Run directory in which to go on, from its newest checkpoint")
      ->configurable(false)
      ->check(plain_path());
  group.add("--out", s.out, "Run directory (default: runs/SYSTEM-DATA)")->check(plain_path());
  add_device(command, s.device);
  command.get_option("--device")->group(group.name);
  group.add("--seed", s.seed, "Seed of everything random")->check(seed_number());
  group.add("--sample-every", s.sample_every, "Steps between pictures (0: ten a run)")->check(at_least(0));
  group.add("--checkpoint-every", s.checkpoint_every, "Steps between checkpoints (0: ten a run)")->check(at_least(0));
  group.add("--keep", s.keep, "How many checkpoints to keep, the newest (0: all)")->check(at_least(0));
  group.add("--guard", s.guard,
            "When training diverges, go back to the last checkpoint and on with other noise, up to three times");
  command
      .add_flag_callback(
          "--no-guard", [&s] { s.guard = false; }, "The same as --guard false")
      ->group(group.name)
      ->configurable(false);
}

void add_all(CLI::App& command, Settings& s) {
  command.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_data(command, s);
  add_networks(command, s);
  add_training(command, s);
  add_losses(command, s);
  add_sampling(command, s);
  add_run(command, s);
}

/// The options of settings that a run with these settings takes no notice of.
std::vector<CLI::Option*> foreign(CLI::App& command, const Settings& settings) {
  return command.get_options([&](CLI::Option* option) { return !reads(settings, option->get_single_name()); });
}

}  // namespace

void add_settings(CLI::App& command, Settings& s) {
  add_all(command, s);
  for (CLI::Option* option : foreign(command, s)) {
    option->group("");
    if (s.system.empty()) continue;
    const std::string name = option->get_single_name();
    const std::string who = s.system + (nets_read(name) && reads(s, "nets") ? " with --nets " + s.nets : "");
    const std::string message = "--" + name + ": " + who + " has no such setting; it is of " + join(readers_of(name));
    option->check(CLI::Validator([message](const std::string&) { return message; }, ""));
  }
}

void add_own_settings(CLI::App& command, Settings& s) {
  add_all(command, s);
  for (CLI::Option* option : foreign(command, s)) command.remove_option(option);
}

}  // namespace erg::tools
