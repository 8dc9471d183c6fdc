#include "../../models/fgan.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

/// The divergences, that of the plain GAN first.
std::vector<std::string> divergence_names() {
  std::vector<std::string> names = {"gan"};
  for (const Divergence& f : divergences())
    if (names.front() != f.name) names.emplace_back(f.name);
  return names;
}

Fgan make(const Settings& s, const Shape& sample) {
  auto [generator, critic] = generator_and_critic(s, sample);
  return Fgan(std::move(generator), std::move(critic),
              {.latent = s.latent,
               .divergence = s.loss,
               .critic_steps = int(s.critic_steps),
               .generator_adam = adam_of(s),
               .critic_adam = critic_adam_of(s)},
              noise_of(s, "latent"));
}

}  // namespace

const Recipe recipes::fgan{
    .name = "f-gan",
    .summary = "any f-divergence as a game (Nowozin et al. 2016); --loss names the divergence",
    .make = trainer<make, latent_target<Fgan>>,
    // The paper's MNIST, from memory: a generator of two hidden layers of 1200, a critic of two of 240, batches of
    // 4096.
    .paper =
        {{{"mnist"},
          {.nets = "f-gan", .steps = 10000, .batch = 4096, .latent = 100, .width = 1200, .rate = 2e-4, .beta1 = 0.5}}},
    // A rate for gan and jensen-shannon; the others want a half or a quarter of it.
    .small = {{{"25gaussians"},
               {.steps = 6000, .batch = 256, .width = 128, .rate = 2e-3, .beta1 = 0.5, .schedule = "late"}},
              {{"mnist"},
               {.nets = "small",
                .steps = 3000,
                .batch = 64,
                .latent = 128,
                .width = 32,
                .rate = 5e-4,
                .beta1 = 0.5,
                .schedule = "late"}}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "loss", "critic-steps", "critic-rate"},
    .losses = divergence_names,
};

}  // namespace erg::tools
