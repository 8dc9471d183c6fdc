// Recipes: every system that `erg train` knows, with its networks and settings for each kind of data.
//
// A system is one file in models/; adding it to the program is one function and one row in recipes.cpp.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "../models/ebm.h"
#include "../models/gan.h"
#include "../models/meg.h"
#include "../models/wgan_gp.h"
#include "../samplers/langevin.h"
#include "../samplers/replay.h"
#include "settings.h"

namespace erg::tools {

/// A law that a trained system defines, for any sampler to follow.
struct Target {
  std::string space;  // "latent": chains move the generator's input; "data": the sample itself
  Energy energy;      // the law is exp(-energy)
  real step_size;     // of Langevin dynamics on it, for a start
  real low = -std::numeric_limits<real>::infinity(), high = std::numeric_limits<real>::infinity();  // to clamp it to
  std::function<Tensor(int64_t count, Noise&)> start;  // where chains begin
  std::function<Tensor(const Tensor&)> samples;        // what their states stand for
};

/// A system in training, with what the program needs of it.
class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual Metrics step(const Batches& next) = 0;
  virtual void set_rate(real rate) = 0;
  /// New samples of the model; the noise decides which.
  virtual Tensor sample(int64_t count, Noise& noise) = 0;
  /// The laws this system defines, the one its paper samples first.
  virtual std::vector<Target> targets() = 0;
  virtual void visit(Visitor& v) = 0;
};

std::vector<std::string> recipe_names();
std::string recipe_summary(const std::string& system);

/// The settings a system is trained with on a data set unless told otherwise. Throws UsageError for unknown names.
Settings preset(const std::string& system, const std::string& data);

/// Builds a system for samples of this shape, on the device of the settings; its initial weights do not depend on the
/// device. Throws UsageError where the two do not go together, DeviceError for a device there is not.
std::unique_ptr<Trainer> make_trainer(const Settings& settings, const Shape& sample);

// The systems themselves, for programs that use them directly.
Gan make_gan(const Settings& settings, const Shape& sample);
WganGp make_wgan_gp(const Settings& settings, const Shape& sample);
Meg make_meg(const Settings& settings, const Shape& sample);

/// An EBM with the chains that feed it: persistent contrastive divergence by Langevin dynamics.
class PersistentEbm {
 public:
  PersistentEbm(const Settings& settings, const Shape& sample);
  PersistentEbm(const PersistentEbm&) = delete;
  Metrics step(const Batches& next) { return ebm_.step(next); }
  void set_rate(real rate) { ebm_.set_rate(rate); }
  Energy energy() const { return ebm_.energy(); }
  /// How its chains move while it is trained.
  const Langevin& langevin() const { return langevin_; }
  /// Chains of the buffer.
  Tensor start(int64_t count);
  /// Chains from the buffer, moved on by as many steps as training moves them.
  Tensor sample(int64_t count, Noise& noise) { return run(langevin_, energy(), start(count), chain_steps_, noise); }
  void visit(Visitor& v);

 private:
  Langevin langevin_;
  int64_t chain_steps_;
  Noise chain_noise_, fresh_noise_;
  ReplayBuffer buffer_;
  Ebm ebm_;
};

}  // namespace erg::tools
