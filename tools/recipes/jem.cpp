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
                       {.energy_l2 = real(s.energy_l2), .data_noise = real(s.data_noise), .adam = adam_of(s)},
                       std::move(sampler), noise_of(s, "data noise"));
          }};
}

/// The authors' chains.
Settings with(Settings s) {
  s.data_noise = 0.03;
  s.chain_step = 1;
  s.chain_noise = 0.01;
  return s;
}

}  // namespace

const Recipe recipes::jem{
    .name = "jem",
    .summary = "a classifier as an energy-based model (Grathwohl et al. 2020)",
    .make = trainer<make, chain_target<Jem>>,
    // 200 passes over the data. Their code also warms the rate up over 1,000 steps, lowers it twice near the end, and
    // crops and flips images.
    .paper = {{{"cifar10"},
               with({.nets = "wide-resnet",
                     .steps = 156250,
                     .batch = 64,
                     .width = 10,
                     .rate = 1e-4,
                     .chain_steps = 20,
                     .buffer = 10000})}},
    .small = {{{"mnist"},
               with({.nets = "small",
                     .steps = 2000,
                     .batch = 64,
                     .width = 16,
                     .rate = 3e-4,
                     .energy_l2 = 0.1,
                     .chain_steps = 20,
                     .buffer = 2000})},
              {{"cifar10"},
               with({.nets = "meg",
                     .steps = 2000,
                     .batch = 64,
                     .width = 16,
                     .rate = 3e-4,
                     .energy_l2 = 0.1,
                     .chain_steps = 20,
                     .buffer = 2000})}},
};

}  // namespace erg::tools
