#include "../../models/ddgm.h"

#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Ddgm make(const Settings& s, const Shape& sample) {
  Noise noise(s.seed, "weights");
  const bool image = is_image(sample);
  if (!image && s.nets != Settings().nets) throw UsageError("--nets " + s.nets + ": ddgm has its own for 2-D data");
  Sequential generator = image ? generator_net(s, sample, noise)
                               : mlp({s.latent, s.width, s.width, sample[0]}, noise, {.batch_norm = true});
  Sequential features = image ? critic_net(s, sample, noise, {.options = {.outputs = s.width}})
                              : mlp({sample[0], s.width, s.width}, noise, {.hidden = {Activation::Kind::elu}});
  if (!image) features.layers.push_back(Activation{Activation::Kind::tanh});
  ProductOfExperts energy(std::move(features), Linear(s.width, s.experts, noise), sample.size(), real(sample.size()));
  const Device device = device_of(s);
  return Ddgm(on_device(std::move(generator), device), on_device(std::move(energy), device),
              {.latent = s.latent,
               .entropy = real(s.entropy),
               .penalty = real(s.penalty),
               .generator_adam = adam_of(s),
               .energy_adam = critic_adam_of(s)},
              noise_of(s, "latent"));
}

/// The energy's law. Its generator's input is uniform on a box, where Langevin dynamics do not belong.
std::vector<Target> targets(Ddgm& ddgm) { return {data_target(ddgm)}; }

}  // namespace

const Recipe recipes::ddgm{
    .name = "ddgm",
    .summary =
        "deep directed generative model: an energy, and a generator with batch norm's entropy (Kim & Bengio 2016)",
    .make = trainer<make, targets>,
    // The constants of a public reimplementation on 2-D data: the paper's own were not to be had.
    .paper = {{{"25gaussians", "8gaussians", "swissroll"},
               {.steps = 100000, .batch = 100, .latent = 4, .width = 128, .rate = 2e-4, .beta1 = 0.5}}},
    // Nothing in the paper holds the energy's scale; the penalty does.
    .small = {{{"25gaussians"},
               {.steps = 2500,
                .batch = 256,
                .latent = 4,
                .width = 128,
                .rate = 5e-4,
                .beta1 = 0.5,
                .schedule = "late",
                .penalty = 0.3,
                .entropy = 0.01,
                .experts = 128}}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "experts", "critic-rate", "penalty", "entropy"},
};

}  // namespace erg::tools
