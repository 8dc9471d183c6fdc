#include "../../models/wgan.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Wgan make(const Settings& s, const Shape& sample) {
  auto [generator, critic] = generator_and_critic(s, sample, {.options = {.batch_norm = s.batch_norm}});
  return Wgan(std::move(generator), std::move(critic),
              {.latent = s.latent,
               .clip = real(s.weight_clip),
               .critic_steps = int(s.critic_steps),
               .rmsprop = {.rate = real(s.rate)}},
              noise_of(s, "latent"));
}

/// Algorithm 1's constants.
Settings paper(Settings s) {
  s.rate = 5e-5;
  s.weight_clip = 0.01;
  s.critic_steps = 5;
  return s;
}

}  // namespace

const Recipe recipes::wgan{
    .name = "wgan",
    .summary = "Wasserstein GAN with clipped weights, by RMSProp (Arjovsky et al. 2017)",
    .make = trainer<make, latent_target<Wgan>>,
    // The networks and data are those of the WGANs that WGAN-GP's code compares itself with (Gulrajani et al. 2017,
    // mode "wgan"); batch norm in the critic there is from memory.
    .paper =
        {{{"25gaussians", "8gaussians", "swissroll"}, paper({.steps = 100000, .batch = 256, .width = 512})},
         {{"mnist"},
          paper({.nets = "wgan-gp", .steps = 200000, .batch = 50, .latent = 128, .width = 64, .batch_norm = true})},
         {{"cifar10"},
          paper({.nets = "wgan-gp", .steps = 200000, .batch = 64, .latent = 128, .width = 128, .batch_norm = true})}},
    .small = {{{"25gaussians"},
               {.steps = 6000,
                .batch = 256,
                .width = 128,
                .rate = 1e-3,
                .schedule = "late",
                .critic_steps = 3,
                .weight_clip = 0.1}},
              {{"mnist"},
               {.nets = "small",
                .steps = 1500,
                .batch = 64,
                .latent = 128,
                .width = 16,
                .rate = 5e-4,
                .schedule = "late",
                .critic_steps = 5,
                .weight_clip = 0.05}}},
    .settings = {"nets", "latent", "width", "batch-norm", "critic-steps", "weight-clip"},
};

}  // namespace erg::tools
