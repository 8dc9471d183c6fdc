#include "../../models/ladder.h"

#include "ladders.h"
#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

UnitPixels<Ladder> make(const Settings& s, const Shape& sample) {
  return UnitPixels<Ladder>([&] {
    Noise noise(s.seed, "weights");
    return Ladder(ladder_net(s, sample, noise), {.weight = ladder_weight(s), .adam = adam_of(s)},
                  noise_of(s, "corruption"));
  });
}

}  // namespace

const Recipe recipes::ladder{
    .name = "ladder",
    .summary = "ladder network, a classifier that learns from few labels (Rasmus et al. 2015); it has no samples",
    .make = trainer<make, no_targets<UnitPixels<Ladder>>>,
    .paper = {{{"mnist"}, ladder_settings({.steps = 90000, .critic_width = 1000})}},
    .small = {{{"mnist"}, ladder_settings({.steps = 4000, .critic_width = 500})}},
    .settings = adam_settings + SettingNames{"labels", "critic-width", "ladder-noise", "cost-weight"},
};

}  // namespace erg::tools
