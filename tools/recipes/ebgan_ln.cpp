#include "../../models/ebgan_ln.h"

#include "../../models/ebgan.h"
#include "ladders.h"
#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

UnitPixels<EbganLn> make(const Settings& s, const Shape& sample) {
  return UnitPixels<EbganLn>([&] {
    Noise noise(s.seed, "weights"), of_generator = noise.fork("generator");
    Sequential generator = ebgan_generator(grid_of(s), sample, of_generator, Activation::Kind::sigmoid);
    Adam::Options generator_adam = adam_of(s);
    generator_adam.rate /= 2;
    return EbganLn(on_device(std::move(generator), device_of(s)), ladder_net(s, sample, noise),
                   {.latent = s.latent,
                    .weight = ladder_weight(s),
                    .margin = real(s.margin),
                    .margin_steps = uint64_t(s.steps - s.steps / 3),
                    .generator_adam = generator_adam,
                    .ladder_adam = adam_of(s)},
                   noise_of(s, "latent"));
  });
}

/// The generator, its rate, half the ladder's, and the margin with its way to zero, in the first two thirds of the
/// steps, are ours: the paper's are in an appendix that was not consulted.
Settings with(Settings s) {
  s = ladder_settings(std::move(s));
  s.latent = 100;
  s.margin = 0.01;
  return s;
}

}  // namespace

const Recipe recipes::ebgan_ln{
    .name = "ebgan-ln",
    .summary = "EBGAN with a ladder network as its discriminator, to learn from few labels (Zhao et al. 2017)",
    .make = trainer<make, no_targets<UnitPixels<EbganLn>>>,
    .paper = {{{"mnist"}, with({.steps = 90000, .width = 800, .layers = 3, .critic_width = 1000})}},
    .small = {{{"mnist"}, with({.steps = 4000, .width = 400, .layers = 3, .critic_width = 500})}},
    .settings = adam_settings + SettingNames{"latent", "width", "layers", "labels", "critic-width", "ladder-noise",
                                             "cost-weight", "margin"},
};

}  // namespace erg::tools
