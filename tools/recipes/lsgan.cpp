#include "../../models/lsgan.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Lsgan make(const Settings& s, const Shape& sample) {
  auto [generator, discriminator] = generator_and_critic(s, sample, {.options = {.batch_norm = s.batch_norm}});
  return Lsgan(std::move(generator), std::move(discriminator),
               {.latent = s.latent,
                .discriminator_steps = int(s.critic_steps),
                .generator_adam = adam_of(s),
                .discriminator_adam = critic_adam_of(s)},
               noise_of(s, "latent"));
}

/// Of images.
Settings images(Settings s) {
  s.nets = "meg";
  s.batch = 64;
  s.latent = 128;
  s.beta1 = 0.5;
  s.batch_norm = true;
  return s;
}

}  // namespace

const Recipe recipes::lsgan{
    .name = "lsgan",
    .summary = "least squares GAN (Mao et al. 2017)",
    .make = trainer<make, latent_target<Lsgan>>,
    // The paper trains on larger images. Its optimiser, Adam with beta1 0.5, is on the networks for 28 and 32 pixels
    // here, with the rate of DCGAN.
    .paper = {{{"mnist", "stackedmnist", "stackedmnist-10000", "cifar10"},
               images({.steps = 100000, .width = 64, .rate = 2e-4})}},
    .small = {{{"25gaussians"},
               {.steps = 6000, .batch = 256, .width = 128, .rate = 1e-3, .beta1 = 0.5, .schedule = "late"}},
              {{"mnist", "stackedmnist", "stackedmnist-10000", "cifar10"},
               images({.steps = 3000, .width = 16, .rate = 5e-4, .schedule = "late"})}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "batch-norm", "critic-steps", "critic-rate"},
};

}  // namespace erg::tools
