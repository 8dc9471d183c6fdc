#include "../../models/wgan_gp.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

WganGp make(const Settings& s, const Shape& sample) {
  auto [generator, critic] = generator_and_critic(s, sample);
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

Settings residual(Settings s) {
  s.nets = "wgan-gp-resnet";
  s.rate = 2e-4;
  s.schedule = "linear";
  s.beta1 = 0;
  s.dequantise = true;
  return s;
}

/// The small presets on images.
Settings images(Settings s) {
  s.steps = 2000;
  s.latent = 128;
  s.width = 16;
  s.rate = 1e-3;
  s.schedule = "late";
  s.penalty = 10;
  return s;
}

}  // namespace

const Recipe recipes::wgan_gp{
    .name = "wgan-gp",
    .summary = "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017)",
    .make = trainer<make, latent_target<WganGp>>,
    // The authors' code: the toys, MNIST, and for CIFAR-10 the residual networks without labels; there batches of the
    // generator are twice as large, here they are not. StackedMNIST: the baseline of Kumar et al. 2019 (MEG), whose
    // code takes the norm of each pixel and not of the whole gradient. Their convolutional networks for CIFAR-10:
    // --nets wgan-gp --steps 200000 --rate 1e-4 --schedule constant --beta1 0.5.
    .paper = {{{"25gaussians", "8gaussians", "swissroll"},
               with({.steps = 100000, .batch = 256, .width = 512, .rate = 1e-4, .penalty = 0.1})},
              {{"mnist"},
               with({.nets = "wgan-gp", .steps = 200000, .batch = 50, .latent = 128, .width = 64, .penalty = 10})},
              {{"stackedmnist", "stackedmnist-10000"},
               with({.nets = "meg", .steps = 100000, .batch = 64, .latent = 128, .width = 64, .penalty = 10})},
              {{"cifar10"},
               residual(with({.steps = 100000, .batch = 64, .latent = 128, .width = 128, .penalty = 10}))}},
    .small = {{{"25gaussians"},
               with({.steps = 3000, .batch = 256, .width = 128, .rate = 1e-3, .schedule = "late", .penalty = 0.1})},
              {{"mnist"}, with(images({.nets = "small"}))},
              {{"cifar10"}, with(images({.nets = "meg"}))}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "critic-steps", "penalty"},
};

}  // namespace erg::tools
