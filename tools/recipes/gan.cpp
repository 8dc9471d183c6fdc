#include "../../models/gan.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

constexpr std::pair<const char*, Gan::Loss> losses[] = {
    {"non-saturating", Gan::Loss::non_saturating}, {"minimax", Gan::Loss::minimax}, {"energy", Gan::Loss::energy}};

Gan make(const Settings& s, const Shape& sample) {
  auto [generator, discriminator] = generator_and_critic(s, sample, {.options = {.batch_norm = s.batch_norm}});
  return Gan(std::move(generator), std::move(discriminator),
             {.latent = s.latent,
              .loss = word_of(losses, s.loss),
              .discriminator_steps = int(s.critic_steps),
              .generator_adam = adam_of(s),
              .discriminator_adam = critic_adam_of(s)},
             noise_of(s, "latent"));
}

/// The small presets on images.
Settings images(Settings s) {
  s.steps = 3000;
  s.latent = 128;
  s.rate = 5e-4;
  s.beta1 = 0.5;
  s.schedule = "late";
  s.batch_norm = true;
  return s;
}

}  // namespace

const Recipe recipes::gan{
    .name = "gan",
    .summary = "generative adversarial network (Goodfellow et al. 2014)",
    .make = trainer<make, latent_target<Gan>>,
    // 25 Gaussians: PacGAN's plain GAN (Lin et al. 2018), 400 passes over 100,000 samples. MNIST and CIFAR-10: the GANs
    // that WGAN-GP's code compares itself with (Gulrajani et al. 2017, mode "dcgan"); that code's halving of D's loss
    // changes nothing under Adam. Their rates on MNIST are those of DCGAN, from memory.
    .paper =
        {{{"25gaussians"},
          {.nets = "pacgan", .steps = 400000, .batch = 100, .latent = 2, .width = 400, .rate = 1e-4, .beta1 = 0.8}},
         {{"mnist"},
          {.nets = "wgan-gp", .steps = 200000, .batch = 50, .latent = 128, .width = 64, .rate = 2e-4, .beta1 = 0.5}},
         {{"cifar10"},
          {.nets = "wgan-gp",
           .steps = 200000,
           .batch = 64,
           .latent = 128,
           .width = 128,
           .rate = 2e-4,
           .beta1 = 0.5,
           .batch_norm = true}}},
    .small = {{{"25gaussians"},
               {.steps = 6000, .batch = 256, .width = 128, .rate = 2e-3, .beta1 = 0.5, .schedule = "late"}},
              {{"mnist"}, images({.nets = "small", .width = 32})},
              {{"cifar10"}, images({.nets = "meg", .width = 32})}},
    .settings =
        adam_settings + SettingNames{"nets", "latent", "width", "batch-norm", "loss", "critic-steps", "critic-rate"},
    .losses = words<losses>,
};

}  // namespace erg::tools
