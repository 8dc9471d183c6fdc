#include "ladders.h"

#include "networks.h"

namespace erg::tools {

LadderNet ladder_net(const Settings& s, const Shape& sample, Noise& noise) {
  std::vector<int64_t> sizes{sample.size()};
  for (const int64_t part : {1, 2, 4, 4, 4}) sizes.push_back(std::max<int64_t>(1, s.critic_width / part));
  sizes.push_back(classes_for(s));
  return on_device(LadderNet(sizes, real(s.ladder_noise), noise), device_of(s));
}

real ladder_weight(const Settings& s) {
  if (s.cost_weight > 0) return real(s.cost_weight);
  return s.labels > 0 && s.labels <= 100 ? 5000 : 2000;
}

Settings ladder_settings(Settings s) {
  s.batch = 100;
  s.rate = 2e-3;
  s.schedule = "last-third";
  s.labels = 100;
  return s;
}

}  // namespace erg::tools
