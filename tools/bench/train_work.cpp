#include "train_work.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "../../engine/io/checkpoint.h"
#include "../../engine/io/file.h"
#include "../../engine/io/npy.h"
#include "../../engine/ops.h"
#include "../../kernels/kernel.h"
#include "../data.h"
#include "../dry_run.h"
#include "../recipes/recipes.h"
#include "../run.h"
#include "precision.h"

namespace erg::tools {

namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t first_steps = 2;

/// Settings of a recipe but for the width, with one step of the critic for one of the generator and batches of 64.
struct Row {
  const char *name, *system, *data, *preset;
  int64_t width;
  bool critic_alone = false;
};
/// Widths are the presets' but for MEG, whose paper has 64, and SNGAN, whose paper has 256: there a step would take
/// seconds on a core. SNGAN's critic has half the width.
constexpr Row all[] = {
    {"dcgan mnist", "gan", "mnist", "small", 32},
    {"dcgan cifar10", "gan", "cifar10", "small", 32},
    {"meg", "meg", "stackedmnist", "paper", 32},
    {"sngan resnet", "sngan", "cifar10", "paper", 64},
    {"wgan-gp critic", "wgan-gp", "mnist", "paper", 64, true},
};

TrainWork make(const Row& row, uint64_t seed, Device device, bool small) {
  Settings s = preset(row.system, row.data, row.preset);
  s.seed = seed;
  s.device = to_string(device);
  s.critic_steps = 1;
  s.batch = small ? 4 : 64;
  s.width = small ? 8 : row.width;
  return {row.name, s, row.critic_alone, Noise(seed, "bench batch", device).uniform(batch_shape(s), -1, 1),
          make_trainer(s, sample_shape(s.data))};
}

io::StateDict copy_of_state(Trainer& trainer) {
  std::vector<Visitor::Entry> parts = entries(trainer);
  std::erase_if(parts, [](const Visitor::Entry& e) { return e.tensor && e.name.find("_adam.") != std::string::npos; });
  io::StateDict state = io::state_of(parts);
  for (auto& [name, tensor] : state.tensors) tensor = tensor.to(cpu_device).clone();
  return state;
}

bool all_finite(const Tensor& t) {
  return std::ranges::all_of(t.to_host(), [](real x) { return std::isfinite(x); });
}

}  // namespace

Metrics TrainWork::step() const {
  // WGAN-GP's very first step has none of the generator: one that forgets it has been taken is the critic's alone.
  if (critic_alone)
    for (const Visitor::Entry& e : entries(*trainer))
      if (e.name == "steps") e.write(0);
  return trainer->step([this] { return batch; });
}

std::string TrainWork::work() const {
  std::string word = name;
  std::ranges::replace(word, ' ', '-');
  return word;
}

std::vector<std::string> train_work_names() {
  std::vector<std::string> names;
  for (const Row& row : all) names.emplace_back(row.name);
  return names;
}

std::vector<TrainWork> make_train_work(const std::string& only, uint64_t seed, Device device, bool small) {
  std::vector<TrainWork> list;
  for (const Row& row : all)
    if (only.empty() || only == row.name) list.push_back(make(row, seed, device, small));
  return list;
}

FirstSteps take_first_steps(const TrainWork& work) {
  const InPrecision scope(Precision::fp32);
  FirstSteps found{.before = copy_of_state(*work.trainer), .after = {}, .losses = {}, .operations = 0};
  for (uint64_t k = 0; k < first_steps; ++k) {
    const kernels::CountedFlops counted;
    Values values;
    for (const Metric& metric : work.step()) values.emplace_back(metric.name, metric.value.item());
    found.losses.push_back(values);
    found.operations = counted.sum();
    if (k == 0) found.after = copy_of_state(*work.trainer);
  }
  return found;
}

LawCheck FirstSteps::check() const {
  bool finite = true;
  for (const auto& [name, tensor] : after.tensors) finite = finite && all_finite(tensor);
  for (const Values& step : losses)
    for (const auto& [name, value] : step) finite = finite && std::isfinite(value);
  const double first = losses.front().front().second, second = losses.back().front().second;
  return {finite && second != first, {{"first", first}, {"second", second}}};
}

// ---- Files

namespace {

/// The draws a noise of the system makes in its first steps, put into one tensor. Each step makes as many as the first.
template <class Draw>
Tensor draws_of(const io::StateDict& after_first, const std::string& noise, const Draw& draw) {
  std::vector<Tensor> draws;
  for (uint64_t k = first_steps * after_first.counter(noise + ".step"); k > 0; --k) draws.push_back(draw());
  return concat(draws, 0);
}

Json export_one(const std::filesystem::path& folder, const TrainWork& work, const FirstSteps& steps) {
  const Settings& s = work.settings;
  const std::string stem = work.work();
  const auto write = [&](const std::string& kind, const Tensor& t) {
    io::write_npy(folder / (stem + "." + kind + ".npy"), t);
    return stem + "." + kind + ".npy";
  };
  const auto write_state = [&](const std::string& kind, const io::StateDict& state) {
    io::write_safetensors(folder / (stem + "." + kind + ".safetensors"), state);
    return stem + "." + kind + ".safetensors";
  };
  Json json = {{"work", stem},
               {"workload", work.name},
               {"system", s.system},
               {"nets", s.nets},
               {"critic_alone", work.critic_alone},
               {"width", s.width},
               {"latent", s.latent},
               {"rate", s.rate},
               {"beta1", s.beta1},
               {"beta2", s.beta2},
               {"penalty", s.penalty},
               {"batch", write("batch", work.batch)},
               {"latent_noise", nullptr},
               {"mixing_noise", nullptr},
               {"before", write_state("before", steps.before)},
               {"after", write_state("after", steps.after)},
               {"losses", steps.losses}};
  Noise latent(s.seed, "latent");  // the system's, from its beginning
  json["latent_noise"] = write("latent", draws_of(steps.after, "latent", [&] {
                                 return latent.normal({1, s.batch, s.latent});
                               }));
  if (steps.after.metadata.contains("mixing.step")) {
    Noise mixing = latent.fork("mixing");
    json["mixing_noise"] = write("mixing", draws_of(steps.after, "mixing", [&] {
                                   return mixing.uniform({1, s.batch});
                                 }));
  }
  return json;
}

}  // namespace

void export_train_work(const std::filesystem::path& folder, const std::vector<TrainWork>& works,
                       const std::vector<FirstSteps>& steps, uint64_t seed) {
  make_directory(folder);
  Json json = {{"seed", seed}, {"work", Json::array()}};
  for (size_t i = 0; i < works.size(); ++i) json["work"].push_back(export_one(folder, works[i], steps[i]));
  io::atomic_write(folder / "work.json", json.dump(2) + "\n");
}

}  // namespace erg::tools
