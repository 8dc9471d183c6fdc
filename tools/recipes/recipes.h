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
/// The words that --loss knows for a system; none where it has one loss, or there is no such system.
std::vector<std::string> losses_of(const std::string& system);

/// The settings that its recipe names.
const SettingNames& settings_of(const std::string& system);
/// Whether a run with these settings reads the one of this name: whether all systems do, its recipe or its networks.
/// Without a system: whether all systems do.
bool reads(const Settings& settings, std::string_view name);
/// The systems that read it with the networks of a preset of theirs.
std::vector<std::string> readers_of(std::string_view name);

/// "paper" and "small".
std::vector<std::string> preset_names();
/// What a system is trained on unless told otherwise: 25gaussians, if it has a preset for points; else the first set
/// that this preset is for. Throws UsageError for unknown names.
std::string default_data(const std::string& system, const std::string& name);
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
