// A recipe: one system as the program knows it: how it is made, what it is trained with, what samplers may follow.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../models/ddls.h"
#include "../../models/labels.h"
#include "../error.h"
#include "../settings.h"

namespace erg::tools {

/// A law that a trained system defines, for any sampler to follow.
struct Target {
  std::string space;  // "latent": chains move the generator's input; "data": the sample itself
  Energy energy;      // the law is exp(-energy)
  real step_size;     // of Langevin dynamics on it, for a start
  real low = -std::numeric_limits<real>::infinity(), high = std::numeric_limits<real>::infinity();  // to clamp it to
  std::function<Tensor(int64_t count, Noise&)> start;  // where chains begin
  std::function<Tensor(const Tensor&)> samples;        // what their states stand for
  std::function<Tensor(const Tensor&)> logit = {};     // how real a sample looks, of a GAN: refining.h
};

/// A system in training, with what the program needs of it.
class Trainer {
 public:
  virtual ~Trainer() = default;
  /// Systems that learn without labels never ask for labelled batches.
  virtual Metrics step(const Batches& next, const LabelledBatches& labelled = {}) = 0;
  virtual void set_rate(real rate) = 0;
  /// New samples of the model; the noise decides which. Throws UsageError of a system that has none.
  virtual Tensor sample(int64_t count, Noise& noise) = 0;
  virtual bool has_samples() const = 0;
  /// The logits [B,classes] of samples, if it is a classifier; they follow the training.
  virtual std::function<Tensor(const Tensor& x)> classifier() = 0;
  /// The laws this system defines, the one its paper samples first.
  virtual std::vector<Target> targets() = 0;
  /// What it has learned of the data, low where samples are likely: its energy, or minus its discriminator's logit.
  virtual std::optional<Energy> landscape() = 0;
  virtual void visit(Visitor& v) = 0;
};

/// The settings of a preset for some data sets.
struct Preset {
  std::vector<const char*> data;
  Settings settings;
};

/// Settings by the names that the command line has for them.
using SettingNames = std::vector<std::string_view>;

/// What adam_of (networks.h) and PersistentChains read.
inline const SettingNames adam_settings = {"beta1", "beta2", "adam-clip"};
inline const SettingNames chain_settings = {
    "chain-start",       "chain-steps", "chain-step",    "chain-noise",  "chain-clip",
    "chain-noise-first", "buffer",      "buffer-policy", "buffer-bytes", "restart"};

inline SettingNames operator+(SettingNames names, const SettingNames& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

struct Recipe {
  const char* name;
  const char* summary;
  std::unique_ptr<Trainer> (*make)(const Settings&, const Shape& sample);
  std::vector<Preset> paper;  // the paper's networks, constants and numbers of steps
  std::vector<Preset> small;  // what two CPU cores train in minutes
  /// The settings it reads. What no recipe names is read for every system: by data, training and run directory.
  SettingNames settings;
  /// The words that --loss knows, the default first. A system with one loss has none.
  std::vector<std::string> (*losses)() = [] { return std::vector<std::string>(); };
};

/// Recipe::losses of a table of words and what they stand for.
template <const auto& table>
std::vector<std::string> words() {
  std::vector<std::string> all;
  for (const auto& [word, meaning] : table) all.emplace_back(word);
  return all;
}

/// What a word of such a table stands for; make_trainer has checked that it is one.
template <class Table>
auto word_of(const Table& table, const std::string& wanted) {
  return std::ranges::find(table, wanted, [](const auto& row) { return row.first; })->second;
}

/// A system behind the program's interface. It stays where it was made: its parts may point to each other.
template <class System, auto targets_of>
class TrainerOf : public Trainer {
 public:
  template <class Make>
  explicit TrainerOf(const Make& make) : system_(make()) {}

  Metrics step(const Batches& next, const LabelledBatches& labelled) override {
    if constexpr (requires { system_.step(labelled, next); })
      return system_.step(labelled, next);
    else
      return system_.step(next);
  }
  void set_rate(real rate) override { system_.set_rate(rate); }
  void visit(Visitor& v) override { system_.visit(v); }
  std::vector<Target> targets() override { return targets_of(system_); }

  Tensor sample(int64_t count, Noise& noise) override {
    if constexpr (has_generator)
      return system_.generate(system_.prior(count, noise));
    else if constexpr (has_chains)
      return system_.sample(count, noise);
    else
      throw UsageError("this system is a classifier and has no samples; erg eval tells its accuracy");
  }
  bool has_samples() const override { return has_generator || has_chains; }

  std::function<Tensor(const Tensor&)> classifier() override {
    if constexpr (requires(Tensor x) { system_.logits(x); })
      return [this](const Tensor& x) { return system_.logits(x); };
    return {};
  }

  std::optional<Energy> landscape() override {
    if constexpr (requires { system_.energy(); }) return system_.energy();
    if constexpr (requires(Tensor x) { system_.logit(x); })
      return [this](const Tensor& x) { return -system_.logit(x); };
    return {};
  }

 private:
  static constexpr bool has_generator = requires(System & s, Noise& noise) { s.generate(s.prior(1, noise)); };
  static constexpr bool has_chains = requires(System & s, Noise& noise) { s.sample(1, noise); };

  System system_;
};

/// Recipe::make of a system: make(settings, sample) returns it, targets(system) the laws it offers.
template <auto make, auto targets>
std::unique_ptr<Trainer> trainer(const Settings& s, const Shape& sample) {
  return std::make_unique<TrainerOf<decltype(make(s, sample)), targets>>([&] { return make(s, sample); });
}

/// The target of systems with a generator and a logit, DDLS: the generator's input, moved by the verdict of whatever
/// tells real from fake.
template <class System>
std::vector<Target> latent_target(System& system) {
  const auto generate = [&system](const Tensor& z) { return system.generate(z); };
  const auto logit = [&system](const Tensor& x) { return system.logit(x); };
  return {{.space = "latent",
           .energy = ddls_energy(generate, logit),
           .step_size = real(0.005),
           .start = [&system](int64_t count, Noise& noise) { return system.prior(count, noise); },
           .samples = generate,
           .logit = logit}};
}

/// The law of a system's energy, whose chains begin at its generator's samples.
template <class System>
Target data_target(System& system) {
  return {.space = "data",
          .energy = system.energy(),
          .step_size = real(1e-4),
          .start = [&system](int64_t count, Noise& noise) { return system.generate(system.prior(count, noise)); },
          .samples = [](const Tensor& x) { return x; }};
}

/// Of systems that have no law for chains to follow.
template <class System>
std::vector<Target> no_targets(System&) {
  return {};
}

}  // namespace erg::tools
