// Which settings a system reads, and that they come back from a file as they were.
#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <map>
#include <set>

#include "engine/io/checkpoint.h"
#include "io_support.h"
#include "tools/data.h"
#include "tools/error.h"
#include "tools/options.h"
#include "tools/recipes/recipes.h"
#include "tools/spelling.h"

namespace erg::tools {
namespace {

/// Another value for each setting that not every system reads.
const std::map<std::string, void (*)(Settings&)> others = {
    {"nets", [](Settings& s) { s.nets = sample_shape(s.data).rank() == 1 ? "unrolled" : "wgan-gp"; }},
    {"latent", [](Settings& s) { ++s.latent; }},
    {"width", [](Settings& s) { ++s.width; }},
    {"layers", [](Settings& s) { ++s.layers; }},
    {"critic-layers", [](Settings& s) { ++s.critic_layers; }},
    {"critic-width", [](Settings& s) { s.critic_width *= 2; }},
    {"dropout", [](Settings& s) { s.dropout = 0.5; }},
    {"batch-norm", [](Settings& s) { s.batch_norm = !s.batch_norm; }},
    {"experts", [](Settings& s) { ++s.experts; }},
    {"ladder-noise", [](Settings& s) { s.ladder_noise += 0.1; }},
    {"labels", [](Settings& s) { s.labels = 1000; }},
    {"data-noise", [](Settings& s) { s.data_noise += 0.1; }},
    {"critic-rate", [](Settings& s) { s.critic_rate = 2 * s.rate; }},
    {"beta1", [](Settings& s) { s.beta1 = 0.3; }},
    {"beta2", [](Settings& s) { s.beta2 = 0.7; }},
    {"adam-clip", [](Settings& s) { s.adam_clip = 0.01; }},
    {"critic-steps", [](Settings& s) { ++s.critic_steps; }},
    {"loss", [](Settings& s) { s.loss = losses_of(s.system).empty() ? "other" : losses_of(s.system).back(); }},
    {"penalty", [](Settings& s) { s.penalty += 1; }},
    {"pixel-penalty", [](Settings& s) { s.pixel_penalty = !s.pixel_penalty; }},
    {"weight-clip", [](Settings& s) { s.weight_clip /= 10; }},
    {"unroll", [](Settings& s) { ++s.unroll; }},
    {"unroll-rate", [](Settings& s) { s.unroll_rate *= 2; }},
    {"deviation", [](Settings& s) { s.deviation += 1; }},
    {"entropy", [](Settings& s) { s.entropy += 1; }},
    {"margin", [](Settings& s) { s.margin += 1000; }},
    {"pulling-away", [](Settings& s) { s.pulling_away += 1; }},
    {"cost-weight", [](Settings& s) { s.cost_weight = 7; }},
    {"energy-l2", [](Settings& s) { s.energy_l2 += 1; }},
    {"energy-weight", [](Settings& s) { s.energy_weight += 1; }},
    {"last-step", [](Settings& s) { s.last_step += 1; }},
    {"watch-gradient", [](Settings& s) { s.watch_gradient = !s.watch_gradient; }},
    {"chain-start", [](Settings& s) { s.chain_start = "data"; }},
    {"chain-steps", [](Settings& s) { ++s.chain_steps; }},
    {"chain-step", [](Settings& s) { s.chain_step *= 2; }},
    {"chain-noise", [](Settings& s) { s.chain_noise *= 2; }},
    {"chain-clip", [](Settings& s) { s.chain_clip = 1e-5; }},
    {"chain-noise-first", [](Settings& s) { s.chain_noise_first = !s.chain_noise_first; }},
    {"buffer", [](Settings& s) { s.buffer *= 2; }},
    {"buffer-policy", [](Settings& s) { s.buffer_policy = "fifo"; }},
    {"buffer-bytes", [](Settings& s) { s.buffer_bytes = !s.buffer_bytes; }},
    {"restart", [](Settings& s) { s.restart = 1; }}};

/// All that some steps leave behind, as bytes: metrics, and the state.
std::string outcome(const Settings& s) {
  const Shape sample = sample_shape(s.data);
  Noise noise(1, "data");
  const auto next = [&] {
    Shape batch{s.batch};
    for (const int64_t extent : sample) batch.push_back(extent);
    return noise.uniform(batch, -1, 1);
  };
  const auto next_labelled = [&] {
    const Tensor x = next();
    return Labelled{x, Tensor::from_host({s.batch}, std::vector<real>(size_t(s.batch), 3))};
  };
  const auto trainer = make_trainer(s, sample);
  std::string bytes;
  for (int step = 0; step < 3; ++step)
    for (const Metric& m : trainer->step(next, next_labelled)) bytes += m.name + std::to_string(m.value.item());
  for (const auto& [name, tensor] : io::state_of(entries(*trainer)).tensors) {
    bytes += name;
    for (const real x : tensor.to_host()) bytes.append(reinterpret_cast<const char*>(&x), sizeof x);
  }
  return bytes;
}

/// The outcome, or that the settings are refused.
std::string outcome_or_refusal(const Settings& s) {
  try {
    return outcome(s);
  } catch (const UsageError&) { return "refused"; } catch (const std::invalid_argument&) {
    return "refused";
  }  // by the system itself
}

/// The system as small as can be, on points and on images, where it is for them; with the networks of EBGAN's grid too.
std::vector<Settings> forms_of(const std::string& system) {
  std::vector<Settings> forms;
  for (const char* data : {"25gaussians", "mnist"})
    for (const char* nets : {"", "ebgan"}) {
      Settings s = preset(system, data, "small");
      s.device = "cpu";
      s.batch = 4;
      s.width = s.latent = s.chain_steps = 2;
      s.buffer = 8;
      s.layers = s.critic_layers = 2;
      s.critic_width = 8;
      s.restart = 0.5;
      s.chain_step = std::max(s.chain_step, 1e-3);
      s.chain_noise = std::max(s.chain_noise, 1e-3);
      if (s.nets == nets || (*nets && !reads(s, "nets"))) continue;
      if (*nets) s.nets = nets;
      if (outcome_or_refusal(s) != "refused") forms.push_back(s);
    }
  return forms;
}

class SettingsOf : public testing::TestWithParam<std::string> {};

TEST_P(SettingsOf, ThoseItReadsChangeItAndNoOthersDo) {
  const std::vector<Settings> forms = forms_of(GetParam());
  ASSERT_FALSE(forms.empty());
  std::set<std::string> read, without_effect;
  for (const Settings& form : forms) {
    const std::string usual = outcome(form);
    Settings foreign = form;
    for (const auto& [name, change] : others) {
      Settings changed = form;
      change(changed);
      if (!reads(form, name)) {
        if (outcome_or_refusal(changed) != "refused") change(foreign);
        continue;
      }
      if (!read.insert(name).second && !without_effect.contains(name)) continue;
      if (outcome_or_refusal(changed) == usual)
        without_effect.insert(name);
      else
        without_effect.erase(name);
    }
    EXPECT_TRUE(outcome(foreign) == usual) << "settings that it does not read change " << form.nets;
  }
  // A classifier's labels are a matter of the data alone.
  without_effect.erase("labels");
  EXPECT_THAT(without_effect, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Every, SettingsOf, testing::ValuesIn(recipe_names()), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
});

TEST(SettingNames, AreThoseOfOptions) {
  CLI::App app;
  Settings settings;
  add_settings(app, settings);
  std::set<std::string> of_some;
  for (const CLI::Option* option : app.get_options())
    if (!reads({}, option->get_single_name())) of_some.insert(option->get_single_name());
  std::set<std::string> tested;
  for (const auto& [name, change] : others) tested.insert(name);
  EXPECT_EQ(tested, of_some);
  for (const std::string& system : recipe_names())
    for (const std::string_view name : settings_of(system)) EXPECT_TRUE(of_some.contains(std::string(name))) << name;
}

TEST(SettingNames, HaveReaders) {
  EXPECT_THAT(readers_of("penalty"), testing::ElementsAre("wgan-gp", "ddgm", "meg"));
  EXPECT_THAT(readers_of("layers"), testing::ElementsAre("ebgan", "ebgan-ln"));
  EXPECT_EQ(readers_of("batch"), recipe_names());
}

// ---- Files

Settings read_back(const Settings& settings) {
  const io::TemporaryFolder folder;
  io::atomic_write(folder / "config.ini", to_config(settings));
  return read_config(folder / "config.ini");
}

TEST(ConfigFile, ComesBackAsItWas) {
  for (const std::string& system : recipe_names())
    for (const std::string& data : data_names())
      for (const std::string& name : preset_names()) {
        const Settings s = preset(system, data, name), back = read_back(s);
        EXPECT_EQ(back.penalty, s.penalty);
        EXPECT_EQ(back.rate, s.rate);
        EXPECT_EQ(to_config(back), to_config(s));
      }
}

TEST(ConfigFile, HasAllDigits) {
  Settings s = preset("wgan-gp", "mnist", "small");
  for (const double x : {1.0 / 3, 1.2345678901234567e-4, 0.1 + 0.2, 10.0 / 784, 3e38, 1.2e-38}) {
    s.rate = s.penalty = x;
    EXPECT_EQ(read_back(s).rate, x);
    EXPECT_EQ(read_back(s).penalty, x);
  }
  s.seed = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(read_back(s).seed, s.seed);
}

TEST(ConfigFile, HoldsAnyNameOfADirectory) {
  Settings s = preset("gan", "25gaussians", "small");
  for (const char* name :
       {"a b", " a",  "a ",  "a;b", "a=b",  "[a]", "[a,b]", "a,b", "a\"b",  "a'b",      "a\\b", "a\\n",
        "7",   "007", "1e5", "0x1", "true", "x",   "%%",    "{a}", "--out", "\xc3\xa4", "a.b",  "`a`"}) {
    s.out = name;
    EXPECT_EQ(read_back(s).out, name);
  }
}

TEST(ConfigFile, HasNoSettingsOfOtherSystems) {
  EXPECT_THAT(to_config(preset("gan", "25gaussians", "small")), testing::Not(testing::HasSubstr("penalty")));
  EXPECT_THAT(to_config(preset("meg", "25gaussians", "small")), testing::HasSubstr("train.penalty=0.1\n"));
}

// ---- Words

TEST(Spelling, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"--batch", "--batch-norm", "--rate", "--restart"};
  EXPECT_EQ(nearest("--bacth", known), "--batch");
  EXPECT_EQ(nearest("--bath", known), "--batch");
  EXPECT_EQ(nearest("--batches", known), "--batch");
  EXPECT_EQ(nearest("--batch-n", known), "--batch-norm");
  EXPECT_EQ(nearest("--colour", known), "");
  EXPECT_EQ(unknown("system", "gam", {"gan", "ebm"}), "unknown system 'gam', did you mean 'gan'? There are gan, ebm");
  EXPECT_EQ(unknown("system", "flow", {"gan", "ebm"}), "unknown system 'flow'; there are gan, ebm");
}

}  // namespace
}  // namespace erg::tools
