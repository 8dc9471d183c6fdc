// A small GAN and every refiner that models/ makes, for tests of what holds for all of them.
#pragma once

#include <memory>
#include <ostream>

#include "models/calibration.h"
#include "models/dot.h"
#include "models/drs.h"
#include "models/mh_gan.h"
#include "models/nets.h"
#include "models/system.h"

namespace erg::test {

/// Dense networks with three numbers of noise and samples of two.
inline GanView small_gan(Device device = cpu_device) {
  Noise noise(17, "test");
  const auto net = [&](int64_t in, int64_t out) { return on_device(mlp({in, 8, out}, noise), device); };
  const auto generator = std::make_shared<Sequential>(net(3, 2)), critic = std::make_shared<Sequential>(net(2, 1));
  return {.prior =
              [](int64_t count, Noise& source) {
                return source.normal({count, 3});
              },
          .generate = [generator](const Tensor& z) { return (*generator)(z, Mode::eval); },
          .logit = [critic](const Tensor& x) { return scores((*critic)(x, Mode::eval)); }};
}

struct RefinerCase {
  const char* name;
  std::function<Refined(const GanView&, int64_t count, Noise&)> sample;
};
inline void PrintTo(const RefinerCase& refiner, std::ostream* out) { *out << refiner.name; }

template <class Refiner>
RefinerCase refiner_case(const char* name, Refiner refiner) {
  return {name, [=](const GanView& gan, int64_t count, Noise& noise) { return refiner.sample(gan, count, noise); }};
}

/// MH-GAN as its paper has it: scores by isotonic regression, chains from those of real samples.
inline Refined calibrated_mh_gan(const GanView& gan, int64_t count, Noise& noise) {
  const Pause pause;
  const Tensor real = gan.latent_logit(gan.prior(200, noise)) + 1, fake = gan.latent_logit(gan.prior(200, noise));
  const Isotonic map = Isotonic::fit({real, fake});
  return MhGan{.proposals = 20, .start = map(real)}.sample(calibrated(gan, map), count, noise);
}

inline std::vector<RefinerCase> refiner_cases() {
  return {refiner_case("drs", Drs{.pilot = 20}), refiner_case("mh_gan", MhGan{.proposals = 20}),
          RefinerCase{"mh_gan_calibrated", calibrated_mh_gan}, refiner_case("dot", Dot::latent_normal()),
          refiner_case("dot_data", Dot::data(-1, 1))};
}

}  // namespace erg::test
