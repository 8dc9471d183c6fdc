#include "../../models/meg.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Meg make(const Settings& s, const Shape& sample) {
  if (s.pixel_penalty && !is_image(sample))
    throw UsageError("--pixel-penalty is for images, not for samples of " + to_string(sample));
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  Sequential energy = critic_net(s, sample, noise);
  Meg::Statistics statistics;
  if (is_image(sample)) {
    statistics.trunk = critic_net(s, sample, noise, {.options = {.outputs = s.latent}});
    const Activation hidden{Activation::Kind::leaky_relu, sample[0] == 32 ? real(0.1) : real(0.2)};
    statistics.head = mlp({2 * s.latent, 4 * s.latent, 1}, noise, {.hidden = hidden});
  } else {
    statistics.head = mlp({sample[0] + s.latent, s.width, s.width, s.width, 1}, noise, {.hidden = leaky});
  }
  return Meg(std::move(generator), std::move(energy), on_device(std::move(statistics), device_of(s)),
             {.latent = s.latent,
              .penalty = real(s.penalty),
              .pixel_penalty = s.pixel_penalty,
              .energy_steps = int(s.critic_steps),
              .adam = adam_of(s)},
             noise_of(s, "latent"));
}

/// The paper's chains move z by E(G(z)), which is not quite the energy's law; chains in x are.
std::vector<Target> targets(Meg& meg) {
  const auto generate = [&meg](const Tensor& z) { return meg.generate(z); };
  return {{.space = "latent",
           .energy = [&meg, generate](const Tensor& z) { return meg.energy()(generate(z)); },
           .step_size = real(0.01),
           .start = [&meg](int64_t count, Noise& noise) { return meg.prior(count, noise); },
           .samples = generate},
          data_target(meg)};
}

/// What all of them have.
Settings with(Settings s) {
  s.beta1 = 0.5;
  s.beta2 = 0.9;
  s.critic_steps = 5;
  return s;
}

Settings paper_images(double penalty) {
  return {.nets = "meg", .steps = 100000, .batch = 64, .latent = 128, .width = 64, .penalty = penalty};
}

/// Nets this small want a larger weight of the penalty than the authors'.
Settings small_images(const char* nets) {
  return {.nets = nets, .steps = 2000, .latent = 32, .width = 16, .rate = 1e-3, .schedule = "late", .penalty = 1};
}

}  // namespace

const Recipe recipes::meg{
    .name = "meg",
    .summary = "maximum entropy generators for energy-based models (Kumar et al. 2019)",
    .make = trainer<make, targets>,
    // The authors' lambda of 10 on images is on a norm per pixel, which makes it 10 / (height width) of a full norm.
    .paper = {{{"25gaussians", "8gaussians", "swissroll"},
               with({.steps = 100000, .batch = 256, .width = 512, .penalty = 0.1})},
              {{"stackedmnist", "stackedmnist-10000"}, with(paper_images(10.0 / (28 * 28)))},
              {{"cifar10"}, with(paper_images(10.0 / (32 * 32)))}},
    .small = {{{"25gaussians"},
               with({.steps = 2500, .batch = 256, .width = 128, .rate = 1e-3, .schedule = "late", .penalty = 0.1})},
              {{"mnist"}, with(small_images("small"))},
              {{"cifar10"}, with(small_images("meg"))}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "critic-steps", "penalty", "pixel-penalty"},
};

}  // namespace erg::tools
