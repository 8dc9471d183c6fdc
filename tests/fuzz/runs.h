// A small run's directory, of which a target replaces one file.
#pragma once

#include "support.h"
#include "tools/recipes/recipes.h"
#include "tools/run.h"

namespace erg::fuzz {

inline tools::Settings small_run(const char* name) {
  tools::Settings settings = tools::preset("gan", "25gaussians", "small");
  settings.device = "cpu";
  settings.width = settings.latent = 1;
  settings.out = scratch() / name;
  return settings;
}

}  // namespace erg::fuzz
