// The networks a recipe asks for, by the name in its settings (--nets), on the device of the settings.
#pragma once

#include <string>
#include <vector>

#include "../../engine/optim.h"
#include "../../models/ebgan.h"
#include "../../models/nets_residual.h"
#include "../settings.h"
#include "recipe.h"

namespace erg::tools {

/// The names --nets knows.
std::vector<std::string> network_names();
/// Whether networks read the setting of this name beyond what systems ask of all networks: these, or by default any;
/// with their generator or without.
bool nets_read(std::string_view setting, std::string_view nets = {}, bool with_generator = true);

inline bool is_image(const Shape& sample) { return sample.rank() == 3; }

constexpr Activation leaky{Activation::Kind::leaky_relu, real(0.2)};

/// What a system wants of the network that judges samples. Networks that are one paper's alone, such as its residual
/// ones, are as they are.
struct CriticWish {
  Activation hidden = leaky;
  CriticOptions options = {};
};

/// z [B,latent] -> samples [B,...]. Throws UsageError for nets there are not, or that do not fit the samples.
Sequential generator_net(const Settings& s, const Shape& sample, Noise& noise);
/// Samples [B,...] -> [B,outputs]. Throws as generator_net.
Sequential critic_net(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish = {});

/// The cell of EBGAN's grid that the settings name.
EbganGrid grid_of(const Settings& s);

/// How many classes the data have, for a system that learns from labels. Throws UsageError where there are none.
int64_t classes_for(const Settings& s);

/// The two networks of most GANs, their weights drawn one after the other from the seed.
struct GeneratorAndCritic {
  Sequential generator, critic;
};
GeneratorAndCritic generator_and_critic(const Settings& s, const Shape& sample, const CriticWish& wish = {});

/// Noise of a system on its device.
inline Noise noise_of(const Settings& s, std::string_view stream) { return Noise(s.seed, stream, device_of(s)); }

/// Adam as the settings have it.
inline Adam::Options adam_of(const Settings& s) {
  return {.rate = real(s.rate), .beta1 = real(s.beta1), .beta2 = real(s.beta2), .clip = real(s.adam_clip)};
}

/// The same with the rate of the critic.
inline Adam::Options critic_adam_of(const Settings& s) {
  Adam::Options adam = adam_of(s);
  if (s.critic_rate > 0) adam.rate = real(s.critic_rate);
  return adam;
}

}  // namespace erg::tools
