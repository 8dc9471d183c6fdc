// Every system that `erg train` knows.
#pragma once

#include "recipe.h"

namespace erg::tools {

/// Adding a system is its file, which defines recipes::NAME, and a row here.
#define ERG_RECIPES(ROW) \
  ROW(gan)               \
  ROW(lsgan)             \
  ROW(fgan)              \
  ROW(wgan)              \
  ROW(wgan_gp)           \
  ROW(sngan)             \
  ROW(unrolled)          \
  ROW(veegan)            \
  ROW(ddgm)              \
  ROW(ebm)               \
  ROW(jem)               \
  ROW(meg)               \
  ROW(ebgan)             \
  ROW(ladder)            \
  ROW(ebgan_ln)

#define ERG_DECLARE(name) extern const Recipe name;
namespace recipes {
ERG_RECIPES(ERG_DECLARE)
}
#undef ERG_DECLARE

std::vector<std::string> recipe_names();
std::string recipe_summary(const std::string& system);
/// The systems whose loss has several forms and their names, for help: "gan: non-saturating, minimax, energy; ...".
std::string losses_text();

/// "paper" and "small".
std::vector<std::string> preset_names();
/// The settings a system is trained with on a data set unless told otherwise. Throws UsageError for unknown names.
Settings preset(const std::string& system, const std::string& data, const std::string& name);
/// Says which preset that is: "paper", or "paper of mnist, the nearest to fashion-mnist that it has". Nearest is a set
/// of the same kind, then of the nearest size, then with the nearest number of channels. Throws UsageError for unknown
/// names.
std::string preset_text(const std::string& system, const std::string& data, const std::string& name);

/// Builds a system for samples of this shape, on the device of the settings; its initial weights do not depend on the
/// device. Throws UsageError where the two do not go together, DeviceError for a device there is not.
std::unique_ptr<Trainer> make_trainer(const Settings& settings, const Shape& sample);

}  // namespace erg::tools
