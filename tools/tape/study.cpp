#include "study.h"

#include <algorithm>
#include <cstdio>

#include "../../engine/graph.h"
#include "../../engine/random.h"
#include "../data.h"
#include "../dry_run.h"
#include "../recipes/recipes.h"

namespace erg::tools {

namespace {

NamesOfMemory names_of(Trainer& trainer) {
  NamesOfMemory names;
  for (const Visitor::Entry& e : entries(trainer))
    if (e.tensor) names[e.tensor->data()] = e.name;
  return names;
}

}  // namespace

TapeStudy study_tape(const Settings& settings, int64_t repeats) {
  const Device device = device_of(settings);
  Rulers rulers(device);
  Ceilings ceilings(device, rulers, is_emulated(device));
  const auto measure_ceilings = [&] {
    for (int round = 0; round < 3; ++round) ceilings.measure();
  };
  measure_ceilings();

  Graph::enable(false);  // a captured graph would hide its launches
  const std::unique_ptr<Trainer> trainer = make_trainer(settings, sample_shape(settings.data));
  const Tensor x = Noise(settings.seed, "tape", device).uniform(batch_shape(settings), -1, 1);
  const Tensor labels = Tensor::zeros({settings.batch}, device);
  const auto step = [&] { trainer->step([&] { return x; }, [&] { return Labelled{x, labels}; }); };
  step();  // the first one fills the pool, and is special to some systems
  const NamesOfMemory names = names_of(*trainer);

  std::vector<StepProfile> profiles;
  std::vector<double> unwatched;
  for (int64_t k = 0; k < repeats; ++k) {
    unwatched.push_back(seconds_of(step, device));
    profiles.push_back(watch(step, device, names));
  }
  measure_ceilings();

  bool alike;
  TapeStudy study{settings,
                  repeats,
                  median_step(std::move(profiles), alike),
                  *std::ranges::min_element(unwatched),
                  environment(settings.seed, device),
                  ceilings.figures(),
                  ceilings.remarks()};
  hold_against(study.step, ceilings, precision_on(device));
  if (cost_of(study.step).share() > 1)
    study.remarks.push_back("above the ceilings: they were measured while this machine did something else; try again");
  if (!alike) study.remarks.push_back("the steps differ in what they launch: this is the one of median time");
  if (device.kind == Device::Kind::cuda)
    study.remarks.push_back(
        "on a GPU each launch is waited for, and graphs are off: the step takes longer than unwatched");
  return study;
}

std::string title_of(const TapeStudy& study) {
  const Settings& s = study.settings;
  return s.system + " on " + s.data + ", preset " + preset_text(s.system, s.data, s.preset) + ", batch " +
         std::to_string(s.batch);
}

std::string text_of(const Operand& operand) {
  const std::string shape = to_string(operand.shape);
  if (!operand.name.empty()) return operand.name + " " + shape;
  return operand.node >= 0 ? "#" + std::to_string(operand.node) + " " + shape : shape;
}

std::string recorded_vjp(const RecordedTape& tape, int node) {
  int first = -1, last = -1;
  for (const TapeNode& n : tape.nodes)
    if (n.recorded_by == node) last = n.output.node, first = first < 0 ? last : first;
  if (first < 0) return "";
  return "#" + std::to_string(first) + (last > first ? " to #" + std::to_string(last) : "");
}

size_t shown_as(const StepProfile& step, size_t tape) {
  for (size_t i = 0; i < tape; ++i)
    if (alike(step.tapes[i], step.tapes[tape])) return i;
  return tape;
}

std::string milliseconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g ms", 1e3 * seconds);
  return text;
}

Report summary_of(const TapeStudy& study) {
  Report report{study.environment,
                study.ceilings,
                {{"op", "operation"},
                 {"count", "count"},
                 {"forward_us", "forward us", "%.1f"},
                 {"backward_us", "VJP us", "%.1f"},
                 {"unrecorded_us", "not recorded us", "%.1f"},
                 {"share_of_step", "% of step", "%.1f", 100},
                 {"gflop", "MFLOP", "%.2f", 1e3},
                 {"megabytes", "kB", "%.1f", 1e3},
                 {"share_of_ceiling", "% of ceiling", "%.0f", 100},
                 {"ceiling", "bound by"}},
                {},
                study.remarks,
                ""};
  const auto time = [](const Cost& cost) { return cost.seconds > 0 ? Cell(1e6 * cost.seconds) : Cell(); };
  for (const OpSum& sum : sums_by_op(study.step)) {
    Cost all = sum.forward;
    (all += sum.backward) += sum.outside;
    report.rows.push_back({sum.name, int64_t(sum.count), time(sum.forward), time(sum.backward), time(sum.outside),
                           sum.seconds() / study.step.seconds, all.flops > 0 ? Cell(1e-9 * all.flops) : Cell(),
                           1e-6 * all.bytes, all.least() > 0 ? Cell(all.share()) : Cell(), all.ceiling()});
  }
  report.rows.push_back({"unaccounted",
                         {},
                         {},
                         {},
                         1e6 * study.unaccounted_seconds(),
                         study.unaccounted_seconds() / study.step.seconds,
                         {},
                         {},
                         {},
                         ""});
  return report;
}

}  // namespace erg::tools
