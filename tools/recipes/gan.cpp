#include "../../models/gan.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Gan make(const Settings& s, const Shape& sample) {
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  Sequential discriminator = critic_net(s, sample, noise, {.options = {.batch_norm = true}});
  return Gan(std::move(generator), std::move(discriminator),
             {.latent = s.latent,
              .discriminator_steps = int(s.critic_steps),
              .generator_adam = adam_of(s),
              .discriminator_adam = adam_of(s)},
             noise_of(s, "latent"));
}

}  // namespace

const Recipe recipes::gan{
    .name = "gan",
    .summary = "generative adversarial network (Goodfellow et al. 2014), non-saturating",
    .make = trainer<make, latent_target<Gan>>,
    .paper = {{"25gaussians", {.steps = 100000, .batch = 100, .latent = 2, .width = 400, .rate = 1e-4, .beta1 = 0.8}},
              {"mnist",
               {.nets = "meg", .steps = 200000, .batch = 50, .latent = 128, .width = 64, .rate = 2e-4, .beta1 = 0.5}}},
    .small = {{"25gaussians",
               {.steps = 6000, .batch = 256, .width = 128, .rate = 2e-3, .beta1 = 0.5, .schedule = "late"}},
              {"mnist",
               {.nets = "small",
                .steps = 3000,
                .batch = 64,
                .latent = 128,
                .width = 32,
                .rate = 5e-4,
                .beta1 = 0.5,
                .schedule = "late"}}},
};

}  // namespace erg::tools
