// Settings of a system that trains in no time.
#pragma once

#include "tools/recipes/recipes.h"

namespace erg::test {

inline tools::Settings tiny(const std::string& system, const std::string& data = "25gaussians", int64_t batch = 4) {
  tools::Settings s = tools::preset(system, data, "small");
  s.device = "cpu";
  s.batch = batch;
  s.width = s.latent = 2;
  s.chain_steps = 2;
  s.buffer = 8;
  return s;
}

}  // namespace erg::test
