#include "../../models/wgan_gp.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

WganGp make(const Settings& s, const Shape& sample) {
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  Sequential critic = critic_net(s, sample, noise);
  return WganGp(
      std::move(generator), std::move(critic),
      {.latent = s.latent, .penalty = real(s.penalty), .critic_steps = int(s.critic_steps), .adam = adam_of(s)},
      noise_of(s, "latent"));
}

/// What all of them have.
Settings with(Settings s) {
  s.beta1 = 0.5;
  s.beta2 = 0.9;
  s.critic_steps = 5;
  return s;
}

}  // namespace

const Recipe recipes::wgan_gp{
    .name = "wgan-gp",
    .summary = "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017)",
    .make = trainer<make, latent_target<WganGp>>,
    .paper =
        {{"25gaussians", with({.steps = 100000, .batch = 256, .width = 512, .rate = 1e-4, .penalty = 0.1})},
         {"mnist",
          with(
              {.nets = "meg", .steps = 200000, .batch = 50, .latent = 128, .width = 64, .rate = 1e-4, .penalty = 10})}},
    .small = {{"25gaussians",
               with({.steps = 3000, .batch = 256, .width = 128, .rate = 1e-3, .schedule = "late", .penalty = 0.1})},
              {"mnist", with({.nets = "small",
                              .steps = 2000,
                              .batch = 64,
                              .latent = 128,
                              .width = 16,
                              .rate = 1e-3,
                              .schedule = "late",
                              .penalty = 10})}},
};

}  // namespace erg::tools
