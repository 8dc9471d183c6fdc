#include "../../models/unrolled.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Unrolled make(const Settings& s, const Shape& sample) {
  auto [generator, discriminator] = generator_and_critic(s, sample);
  return Unrolled(std::move(generator), std::move(discriminator),
                  {.latent = s.latent,
                   .steps = int(s.unroll),
                   .rate = real(s.unroll_rate),
                   .generator_adam = adam_of(s),
                   .discriminator_adam = critic_adam_of(s)},
                  noise_of(s, "latent"));
}

}  // namespace

const Recipe recipes::unrolled{
    .name = "unrolled",
    .summary = "unrolled GAN: the generator sees the discriminator some steps ahead (Metz et al. 2017)",
    .make = trainer<make, latent_target<Unrolled>>,
    // The authors' code for the ring; there the steps ahead are Adam's, here plain ones, with a rate of ours.
    .paper = {{{"8gaussians"},
               {.nets = "unrolled",
                .steps = 25000,
                .batch = 512,
                .latent = 256,
                .width = 128,
                .rate = 1e-3,
                .beta1 = 0.5,
                .critic_rate = 1e-4,
                .unroll = 5}}},
    .small =
        {{{"25gaussians"},
          {.steps = 4000, .batch = 128, .width = 128, .rate = 2e-3, .beta1 = 0.5, .schedule = "late", .unroll = 3}}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "critic-rate", "unroll", "unroll-rate"},
};

}  // namespace erg::tools
