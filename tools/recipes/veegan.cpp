#include "../../models/veegan.h"

#include "../error.h"
#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Veegan make(const Settings& s, const Shape& sample) {
  if (is_image(sample)) throw UsageError("veegan's networks are for 2-D data, and those of " + s.data + " are images");
  const int64_t dims = sample[0];
  Noise noise(s.seed, "weights");
  Sequential generator = mlp({s.latent, s.width, s.width, dims}, noise);
  Sequential reconstructor = mlp({dims, s.width, s.width, s.latent}, noise);
  PairNet discriminator{.trunk = {}, .head = mlp({dims + s.latent, s.width, 1}, noise)};
  const Device device = device_of(s);
  return Veegan(on_device(std::move(generator), device), on_device(std::move(reconstructor), device),
                on_device(std::move(discriminator), device),
                {.latent = s.latent, .deviation = real(s.deviation), .adam = adam_of(s)}, noise_of(s, "latent"));
}

}  // namespace

const Recipe recipes::veegan{
    .name = "veegan",
    .summary = "VEEGAN: a GAN that reconstructs its noise (Srivastava et al. 2017)",
    // Its discriminator judges samples together with their noise: there is no law of the samples, and no logit.
    .make = trainer<make, no_targets<Veegan>>,
    .paper = {{{"25gaussians", "8gaussians"},
               {.steps = 50000, .batch = 500, .latent = 254, .width = 128, .rate = 1e-3, .beta1 = 0.5}}},
    // With two numbers of noise, and a reconstructor without noise of its own.
    .small =
        {{{"25gaussians"},
          {.steps = 6000, .batch = 256, .width = 128, .rate = 1e-3, .beta1 = 0.5, .schedule = "late", .deviation = 0}}},
    .settings = adam_settings + SettingNames{"latent", "width", "deviation"},
};

}  // namespace erg::tools
