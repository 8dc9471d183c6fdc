#include "recipes.h"

#include <algorithm>
#include <tuple>

#include "../data.h"
#include "../error.h"
#include "../spelling.h"
#include "networks.h"

namespace erg::tools {

namespace {

#define ERG_ADDRESS(name) &recipes::name,
const Recipe* const all[] = {ERG_RECIPES(ERG_ADDRESS)};
#undef ERG_ADDRESS

const Recipe& find(const std::string& system) {
  for (const Recipe* recipe : all)
    if (system == recipe->name) return *recipe;
  throw UsageError(unknown("system", system, recipe_names()));
}

bool holds(const SettingNames& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

/// How far apart two data sets are: their kinds, then the sizes of their samples, then the channels.
auto distance(const std::string& a, const std::string& b) {
  const Shape x = sample_shape(a), y = sample_shape(b);
  return std::tuple(a != b, x.rank() != y.rank(), std::abs(x[0] - y[0]),
                    x.rank() == y.rank() ? std::abs(x[x.rank() - 1] - y[y.rank() - 1]) : 0);
}

struct Found {
  const Settings& settings;
  std::string data;  // that of its sets which is the nearest
};

const std::vector<Preset>& presets_of(const Recipe& recipe, const std::string& name) {
  if (name != "paper" && name != "small") throw UsageError(unknown("preset", name, preset_names()));
  return name == "paper" ? recipe.paper : recipe.small;
}

Found find_preset(const std::string& system, const std::string& data, const std::string& name) {
  std::vector<Found> all;
  for (const Preset& row : presets_of(find(system), name))
    for (const char* set : row.data) all.push_back({row.settings, set});
  return *std::ranges::min_element(all, {}, [&](const Found& found) { return distance(found.data, data); });
}

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const Recipe* recipe : all) names.emplace_back(recipe->name);
  return names;
}

std::string recipe_summary(const std::string& system) { return find(system).summary; }

std::vector<std::string> losses_of(const std::string& system) {
  return system.empty() ? std::vector<std::string>() : find(system).losses();
}

const SettingNames& settings_of(const std::string& system) { return find(system).settings; }

bool reads(const Settings& s, std::string_view name) {
  const auto names_it = [&](const Recipe* recipe) { return holds(recipe->settings, name); };
  if (std::ranges::none_of(all, names_it) && !nets_read(name)) return true;
  if (s.system.empty()) return false;
  const Recipe& recipe = find(s.system);
  return names_it(&recipe) ||
         (holds(recipe.settings, "nets") && nets_read(name, s.nets, holds(recipe.settings, "latent")));
}

std::vector<std::string> readers_of(std::string_view name) {
  std::vector<std::string> readers;
  for (const Recipe* recipe : all) {
    const auto read = [&](const Preset& row) {
      Settings s = row.settings;
      s.system = recipe->name;
      return reads(s, name);
    };
    if (std::ranges::any_of(recipe->paper, read) || std::ranges::any_of(recipe->small, read))
      readers.emplace_back(recipe->name);
  }
  return readers;
}

std::vector<std::string> preset_names() { return {"paper", "small"}; }

std::string default_data(const std::string& system, const std::string& name) {
  const Recipe& recipe = find(system);
  const auto of_points = [](const Preset& row) { return sample_shape(row.data.front()).rank() == 1; };
  const bool points = std::ranges::any_of(recipe.paper, of_points) || std::ranges::any_of(recipe.small, of_points);
  return points ? "25gaussians" : presets_of(recipe, name).front().data.front();
}

Settings preset(const std::string& system, const std::string& data, const std::string& name) {
  Settings s = find_preset(system, data, name).settings;
  s.system = system;
  s.data = data;
  s.preset = name;
  if (const auto losses = find(system).losses(); s.loss.empty() && !losses.empty()) s.loss = losses.front();
  s.out = "runs/" + system + "-" + data;
  return s;
}

std::string preset_text(const std::string& system, const std::string& data, const std::string& name) {
  const std::string source = find_preset(system, data, name).data;
  return source == data ? name : name + " of " + source + ", the nearest to " + data + " that it has";
}

std::unique_ptr<Trainer> make_trainer(const Settings& settings, const Shape& sample) {
  const Recipe& recipe = find(settings.system);
  const std::vector<std::string> losses = recipe.losses();
  if (losses.empty() && !settings.loss.empty())
    throw UsageError("--loss " + settings.loss + ": " + settings.system + " has one loss, without a name");
  if (!losses.empty() && std::ranges::find(losses, settings.loss) == losses.end())
    throw UsageError("--loss " + settings.loss + ": those of " + settings.system + " are " + join(losses));
  return recipe.make(settings, sample);
}

}  // namespace erg::tools
