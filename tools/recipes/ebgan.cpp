#include "../../models/ebgan.h"

#include "../error.h"
#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

/// The discriminator is the auto-encoder of the paper's grid whatever the generator is.
Ebgan make(const Settings& s, const Shape& sample) {
  if (!is_image(sample))
    throw UsageError("ebgan's auto-encoder is for images, not for samples of " + to_string(sample));
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  AutoEncoder discriminator = ebgan_auto_encoder(grid_of(s), sample, noise, noise_of(s, "dropout"));
  return Ebgan(std::move(generator), on_device(std::move(discriminator), device_of(s)),
               {.latent = s.latent,
                .margin = real(s.margin),
                .pulling_away = real(s.pulling_away),
                .generator_adam = adam_of(s),
                .discriminator_adam = adam_of(s)},
               noise_of(s, "latent"));
}

/// Chains on the energy from where the generator leaves off. An energy is no logit: nothing refines samples by it.
std::vector<Target> targets(Ebgan& ebgan) {
  Target target = data_target(ebgan);
  target.low = -1;
  target.high = 1;
  return {target};
}

/// The constants of the grid.
Settings with(Settings s) {
  s.nets = "ebgan";
  s.latent = 100;
  s.rate = 1e-3;
  s.margin = 10;
  return s;
}

}  // namespace

const Recipe recipes::ebgan{
    .name = "ebgan",
    .summary =
        "energy-based GAN: an auto-encoder's error is the energy (Zhao et al. 2017); EBGAN-PT: --pulling-away 0.1",
    .make = trainer<make, targets>,
    // The cell of the grid whose margins the paper studies. It gives neither batch nor number of steps.
    .paper = {{{"mnist"},
               with({.steps = 100000, .width = 1600, .layers = 5, .critic_layers = 2, .critic_width = 1024})}},
    .small = {{{"mnist"}, with({.steps = 4000, .width = 400, .layers = 3, .critic_layers = 2, .critic_width = 256})}},
    .settings = adam_settings + SettingNames{"nets", "latent", "width", "critic-layers", "critic-width", "dropout",
                                             "margin", "pulling-away"},
};

}  // namespace erg::tools
