#include "../../models/jem.h"

#include "networks.h"
#include "persistent_chains.h"
#include "recipes.h"

namespace erg::tools {

namespace {

WithChains<Jem> make(const Settings& s, const Shape& sample) {
  const int64_t classes = classes_for(s);
  return {s, sample, [&](Jem::NegativeSampler sampler) {
            Noise noise(s.seed, "weights");
            return Jem(critic_net(s, sample, noise, {.options = {.outputs = classes}}),
                       {.weight = real(s.energy_weight),
                        .energy_l2 = real(s.energy_l2),
                        .data_noise = real(s.data_noise),
                        .adam = adam_of(s)},
                       std::move(sampler), noise_of(s, "data noise"));
          }};
}

/// A small network, whose energies are held near zero, wants longer steps than the authors'.
Settings small(const char* nets) {
  return {.nets = nets,
          .steps = 2000,
          .width = 16,
          .rate = 1e-3,
          .schedule = "late",
          .energy_l2 = 0.1,
          .data_noise = 0.03,
          .chain_steps = 20,
          .buffer = 2000,
          .chain_step = 10,
          .chain_noise = 0.01};
}

}  // namespace

const Recipe recipes::jem{
    .name = "jem",
    .summary = "a classifier as an energy-based model (Grathwohl et al. 2020)",
    .make = trainer<make, chain_target<Jem>>,
    // 200 passes over the data. Their code also warms the rate up over 1,000 steps, lowers it twice near the end, and
    // crops and flips images.
    .paper = {{{"cifar10"},
               {.nets = "wide-resnet",
                .steps = 156250,
                .width = 10,
                .rate = 1e-4,
                .data_noise = 0.03,
                .chain_steps = 20,
                .buffer = 10000,
                .chain_step = 1,
                .chain_noise = 0.01}}},
    .small = {{{"mnist"}, small("small")}, {{"cifar10"}, small("meg")}},
    .settings = adam_settings + chain_settings +
                SettingNames{"nets", "width", "labels", "data-noise", "energy-l2", "energy-weight"},
};

}  // namespace erg::tools
