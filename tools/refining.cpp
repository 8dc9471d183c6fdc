#include "refining.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>

#include "../models/calibration.h"
#include "../models/ddls.h"
#include "../models/dgflow.h"
#include "../models/dot.h"
#include "../models/drs.h"
#include "../models/mh_gan.h"
#include "../samplers/adapt.h"
#include "../samplers/langevin.h"
#include "../samplers/mala.h"
#include "data.h"
#include "error.h"
#include "metrics/calibration.h"
#include "options.h"

namespace erg::tools {

namespace {

// ---- The refiners by name

struct Wanted {
  const RefinerSettings& settings;
  const GanView& gan;
  Tensor real_logits;  // [R], of held-out real samples, where the refiner starts at those
  bool images;
  int64_t count;
  Noise& noise;

  int64_t steps_or(int64_t papers) const { return settings.steps > 0 ? settings.steps : papers; }
  real step_or(double papers) const { return real(settings.step_size > 0 ? settings.step_size : papers); }
};

/// The generator's input, moved by Langevin dynamics.
Refined refine_by(const Langevin& step, const Energy& energy, int64_t steps, const Wanted& w) {
  const Tensor z = run(step, energy, w.gan.prior(w.count, w.noise), steps, w.noise);
  return {.samples = w.gan.generate(z), .calls = double(steps + 1)};
}

Refined refine_by_ddls(const Wanted& w) {
  return refine_by(Langevin::ddls(w.step_or(0.01)), ddls_energy(w.gan), w.steps_or(1000), w);
}

/// In the first half of the steps each chain finds its step size.
Refined refine_by_ddls_mala(const Wanted& w) {
  const Mala mala{w.step_or(0.005)};
  const Energy energy = ddls_energy(w.gan);
  const int64_t steps = w.steps_or(1000), warming = steps / 2;
  Chains chains(w.gan.prior(w.count, w.noise));
  warm_up(mala, real(0.574), energy, chains, warming, w.noise);
  const Trace trace = advance(mala, energy, chains, steps - warming, w.noise);
  return {w.gan.generate(chains.x), double(mean(trace.acceptance).item()), double(steps + 1)};
}

Refined refine_by_dgflow(const Wanted& w) {
  const auto& name = w.settings.divergence;
  const FlowDivergence divergence = name == "kl"   ? FlowDivergence::kl
                                    : name == "js" ? FlowDivergence::js
                                                   : FlowDivergence::log_d;
  const real eta = w.step_or(0.1), gamma = real(0.01);
  return refine_by(Langevin::tempered(eta, std::sqrt(2 * eta * gamma)), dgflow_energy(w.gan, divergence),
                   w.steps_or(25), w);
}

Refined refine_by_dot(const Wanted& w) {
  const real extent = w.images ? 1 : 2;  // of the data
  Dot dot = w.settings.space == "data" ? Dot::data(-extent, extent) : Dot::latent_normal();
  dot.updates = w.steps_or(dot.updates);
  dot.rate = w.step_or(double(dot.rate));
  return dot.sample(w.gan, w.count, w.noise);
}

Refined refine_by_drs(const Wanted& w) {
  return Drs{.percentile = w.settings.percentile}.sample(w.gan, w.count, w.noise);
}

Refined refine_by_mh_gan(const Wanted& w) {
  MhGan mh_gan{.start = w.real_logits};
  mh_gan.proposals = w.steps_or(mh_gan.proposals);
  return mh_gan.sample(w.gan, w.count, w.noise);
}

struct Row {
  const char* name;
  Refined (*refine)(const Wanted&);
  bool starts_at_data = false;
};

const Row rows[] = {
    {"drs", refine_by_drs},       {"mh-gan", refine_by_mh_gan, true}, {"dot", refine_by_dot},
    {"dgflow", refine_by_dgflow}, {"ddls", refine_by_ddls},           {"ddls-mala", refine_by_ddls_mala},
};

// ---- Calibration

constexpr int64_t fitted = 4000, tested = 1000, at_a_time = 500;  // held-out samples of each kind

/// Scores of `fitted` and then `tested` real samples and as many fakes.
Scores held_out_scores(const TrainedRun& run, const GanView& gan, uint64_t seed) {
  const Settings& s = run.settings;
  const std::unique_ptr<Data> data =
      open_data(s.data, s.data_dir, seed, {.dequantise = s.dequantise, .held_out = true});
  Noise noise(seed, "held-out fakes", device_of(s));
  std::vector<Tensor> real, fake;
  for (int64_t done = 0; done < fitted + tested; done += at_a_time) {
    real.push_back(gan.logit(data->next(at_a_time).to(noise.device())));
    fake.push_back(gan.latent_logit(gan.prior(at_a_time, noise)));
  }
  return {concat(real, 0), concat(fake, 0)};
}

Scores rows_of(const Scores& scores, int64_t begin, int64_t end) {
  return {slice(scores.real, 0, begin, end), slice(scores.fake, 0, begin, end)};
}

double z_of_tested(const Scores& logits) {
  const Scores tests = rows_of(logits, fitted, fitted + tested);
  return calibration(tests.real, tests.fake).z;
}

template <class Calibrator>
GanView calibrate(const GanView& gan, Scores& scores, bool quiet) {
  const Calibrator map = Calibrator::fit(rows_of(scores, 0, fitted));
  const double before = z_of_tested(scores);
  scores = {map(scores.real), map(scores.fake)};
  if (!quiet)
    std::fprintf(stderr, "calibrated on %lld held-out samples; Z of %lld others %.1f, before %.1f\n",
                 static_cast<long long>(2 * fitted), static_cast<long long>(2 * tested), z_of_tested(scores), before);
  return calibrated(gan, map);
}

struct CalibratorRow {
  const char* name;
  /// The view with its logit calibrated by these scores, which become logits.
  GanView (*calibrate)(const GanView& gan, Scores& scores, bool quiet);
};

const CalibratorRow calibrators[] = {{"none", [](const GanView& gan, Scores&, bool) { return gan; }},
                                     {"beta1", calibrate<Beta1>},
                                     {"beta2", calibrate<Beta2>},
                                     {"isotonic", calibrate<Isotonic>}};

template <class Rows>
std::vector<std::string> names_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}

template <class Rows>
const auto& find(const Rows& rows, const std::string& option, const std::string& name) {
  for (const auto& row : rows)
    if (name == row.name) return row;
  throw UsageError(option + " " + name + ": there are " + join(names_of(rows)));
}

GanView gan_of(const TrainedRun& run, const std::string& refiner) {
  for (const Target& target : run.trainer->targets())
    if (target.logit) return {.prior = target.start, .generate = target.samples, .logit = target.logit};
  throw UsageError("--refiner " + refiner + ": " + run.settings.system + " has no discriminator to refine samples by");
}

}  // namespace

std::vector<std::string> refiner_names() { return names_of(rows); }
std::vector<std::string> calibrator_names() { return names_of(calibrators); }

void add_refiner_settings(CLI::App& command, RefinerSettings& s) {
  const char* group = "Refiners (of a GAN's samples)";
  CLI::Option* refiner = command.add_option("--refiner", s.refiner, "Refine samples by the discriminator's verdict")
                             ->check(CLI::IsMember(refiner_names()))
                             ->excludes(command.get_option("--sampler"))
                             ->group(group);
  const auto add = [&](const char* name, auto& value, const char* text) {
    return command.add_option(name, value, text)->needs(refiner)->group(group);
  };
  add("--calibrate", s.calibrate, "Fit the logit to held-out data first; isotonic: for drs and mh-gan")
      ->check(CLI::IsMember(calibrator_names()));
  add("--refiner-steps", s.steps, "Steps, updates or proposals a sample (0: the paper's; drs has none)")
      ->check(at_least(0));
  add("--refiner-step-size", s.step_size, "Step size of ddls, ddls-mala, dgflow and dot; by default the paper's")
      ->check(positive())
      ->default_str("");
  add("--refiner-space", s.space, "dot: where samples are moved")->check(CLI::IsMember({"latent", "data"}));
  add("--divergence", s.divergence, "dgflow: whose flow it is")->check(CLI::IsMember({"kl", "js", "log-d"}));
  add("--percentile", s.percentile, "drs: of the candidates' margins, where one in two is kept")
      ->check(CLI::Range(0.0, 100.0));
}

Tensor refine(const RefinerSettings& settings, const TrainedRun& run, int64_t count, uint64_t seed, bool quiet) {
  const Row& row = find(rows, "--refiner", settings.refiner);
  const CalibratorRow& calibrator = find(calibrators, "--calibrate", settings.calibrate);
  const GanView plain = gan_of(run, settings.refiner);
  try {
    Scores scores;
    if (row.starts_at_data || settings.calibrate != "none") scores = held_out_scores(run, plain, seed);
    const GanView gan = calibrator.calibrate(plain, scores, quiet);
    Noise noise(seed, "refiner", device_of(run.settings));
    const bool images = sample_shape(run.settings.data).rank() == 3;
    const Refined refined = row.refine({settings, gan, scores.real, images, count, noise});
    if (!quiet)
      std::fprintf(stderr, "%s: acceptance %.3f, %.1f calls of G a sample\n", row.name, refined.acceptance,
                   refined.calls);
    return refined.samples;
  } catch (const std::invalid_argument& error) { throw UsageError(error.what()); } catch (const ExhaustedError& error) {
    throw UsageError(error.what());
  }
}

}  // namespace erg::tools
