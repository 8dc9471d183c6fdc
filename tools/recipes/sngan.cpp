#include "../../models/sngan.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Sngan make(const Settings& s, const Shape& sample) {
  auto [generator, discriminator] = generator_and_critic(s, sample, {.options = {.spectral_norm = true}});
  return Sngan(std::move(generator), std::move(discriminator),
               {.latent = s.latent, .discriminator_steps = int(s.critic_steps), .adam = adam_of(s)},
               noise_of(s, "latent"));
}

/// The authors' optimiser and steps.
Settings with(Settings s) {
  s.beta1 = 0;
  s.beta2 = 0.9;
  s.critic_steps = 5;
  return s;
}

}  // namespace

const Recipe recipes::sngan{
    .name = "sngan",
    .summary = "GAN with spectral normalisation and the hinge loss (Miyato et al. 2018)",
    .make = trainer<make, latent_target<Sngan>>,
    // The residual networks. Batches of the generator are twice as large in the authors' code, here they are not.
    .paper = {{{"cifar10"},
               with({.nets = "sngan-resnet",
                     .steps = 50000,
                     .batch = 64,
                     .latent = 128,
                     .width = 256,
                     .rate = 2e-4,
                     .schedule = "linear",
                     .dequantise = true})}},
    .small = {{{"25gaussians"},
               with({.steps = 5000, .batch = 256, .latent = 2, .width = 128, .rate = 1e-3, .schedule = "late"})},
              {{"mnist"},
               with({.nets = "small",
                     .steps = 1000,
                     .batch = 64,
                     .latent = 128,
                     .width = 16,
                     .rate = 1e-3,
                     .schedule = "late"})},
              {{"cifar10"},
               with({.nets = "sn-dcgan",
                     .steps = 1000,
                     .batch = 64,
                     .latent = 128,
                     .width = 16,
                     .rate = 1e-3,
                     .schedule = "late"})}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "critic-steps"},
};

}  // namespace erg::tools
