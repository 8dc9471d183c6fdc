// erg diagnose FILE.npy|RUN: have these Markov chains converged, and what are their draws worth?
#include "diagnose.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "../engine/io/error.h"
#include "../engine/io/npy.h"
#include "../engine/ops.h"
#include "commands.h"
#include "error.h"
#include "sampling.h"

namespace erg::tools {

namespace {

using Json = nlohmann::ordered_json;

constexpr double infinity = std::numeric_limits<double>::infinity();

const char* name(Verdict verdict) {
  const char* const names[] = {"ok", "warn", "error"};
  return names[int(verdict)];
}

std::string quantity_name(size_t i) { return "x[" + std::to_string(i) + "]"; }

double enough_draws(const Diagnosis& diagnosis) { return limits::ess_per_chain * double(diagnosis.chains); }

bool is_estimated(const Summary& x) {
  return std::isfinite(x.rhat) && std::isfinite(x.ess_bulk) && std::isfinite(x.ess_tail);
}

/// How far a quantity is from its limits, to sort by: more than 1 is beyond one of them.
double badness(const Summary& x, double enough) {
  if (!is_estimated(x)) return infinity;
  return std::max((x.rhat - 1) / (limits::rhat_warn - 1), enough / std::min(x.ess_bulk, x.ess_tail));
}

/// Numbers of the quantities to show: all in their own order, or the worst few.
std::vector<size_t> shown_quantities(const Diagnosis& diagnosis, int64_t rows) {
  std::vector<size_t> order(diagnosis.quantities.size());
  std::iota(order.begin(), order.end(), size_t(0));
  if (rows == 0 || size_t(rows) >= order.size()) return order;
  const auto rank = [&](size_t i) {
    const Summary& x = diagnosis.quantities[i];
    return std::pair(judge(x), badness(x, enough_draws(diagnosis)));
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) > rank(b); });
  order.resize(size_t(rows));
  return order;
}

void print_quantities(const Diagnosis& diagnosis, int64_t rows) {
  const std::vector<size_t> shown = shown_quantities(diagnosis, rows);
  std::printf("%-8s %11s %11s %11s %8s %9s %9s\n", "", "mean", "sd", "mcse", "R-hat", "ESS bulk", "ESS tail");
  for (const size_t i : shown) {
    const Summary& x = diagnosis.quantities[i];
    std::printf("%-8s %11.4g %11.4g %11.3g %8.4f %9.0f %9.0f\n", quantity_name(i).c_str(), x.mean, x.sd, x.mcse_mean,
                x.rhat, x.ess_bulk, x.ess_tail);
  }
  if (shown.size() < diagnosis.quantities.size())
    std::printf("and %zu that are no worse\n", diagnosis.quantities.size() - shown.size());
}

void print_traces(const Diagnosis& diagnosis) {
  const auto& [chains, draws, quantities, energy, acceptance, bfmi] = diagnosis;
  if (energy.empty() && acceptance.empty() && bfmi.empty()) return;
  std::printf("\n%-8s", "chain");
  if (!acceptance.empty()) std::printf(" %11s", "acceptance");
  if (!energy.empty()) std::printf(" %11s %11s", "energy", "sd");
  if (!bfmi.empty()) std::printf(" %8s", "E-BFMI");
  std::printf("\n");
  for (size_t i = 0; i < size_t(chains); ++i) {
    std::printf("%-8zu", i);
    if (!acceptance.empty()) std::printf(" %11.4g", acceptance[i]);
    if (!energy.empty()) std::printf(" %11.4g %11.4g", energy[i].mean, energy[i].sd);
    if (!bfmi.empty()) std::printf(" %8.3f", bfmi[i]);
    std::printf("\n");
  }
}

/// The quantity with the largest `value` of those that have been estimated.
template <class F>
size_t worst_by(const Diagnosis& diagnosis, const F& value) {
  const auto rank = [&](const Summary& x) { return is_estimated(x) ? value(x) : -infinity; };
  const auto& all = diagnosis.quantities;
  return size_t(
      std::max_element(all.begin(), all.end(), [&](const Summary& a, const Summary& b) { return rank(a) < rank(b); }) -
      all.begin());
}

/// NaN if one of them is.
double lowest(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), infinity,
                         [](double a, double b) { return std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b); });
}

/// "warn: R-hat up to 1.0200 in x[3] (limit 1.01), ESS down to 210 bulk in x[0] and 180 tail in x[3] (limit 400)"
void print_verdict(const Diagnosis& diagnosis) {
  const auto& all = diagnosis.quantities;
  const auto estimated = size_t(std::count_if(all.begin(), all.end(), is_estimated));
  std::printf("%s: ", name(judge(diagnosis)));
  if (estimated < all.size())
    std::printf("%zu of %zu cannot be estimated (not finite, a chain that never moves, or too few draws)%s",
                all.size() - estimated, all.size(), estimated > 0 ? "; else " : "");
  if (estimated > 0) {
    const size_t rhat = worst_by(diagnosis, [](const Summary& x) { return x.rhat; });
    const size_t bulk = worst_by(diagnosis, [](const Summary& x) { return -x.ess_bulk; });
    const size_t tail = worst_by(diagnosis, [](const Summary& x) { return -x.ess_tail; });
    std::printf("R-hat up to %.4f in %s (limit %g), ", all[rhat].rhat, quantity_name(rhat).c_str(), limits::rhat_warn);
    std::printf("ESS down to %.0f bulk in %s and %.0f tail in %s (limit %.0f)", all[bulk].ess_bulk,
                quantity_name(bulk).c_str(), all[tail].ess_tail, quantity_name(tail).c_str(), enough_draws(diagnosis));
  }
  if (!diagnosis.bfmi.empty()) std::printf(", E-BFMI down to %.3f (limit %g)", lowest(diagnosis.bfmi), limits::bfmi);
  std::printf("\n");
}

Json to_json(const Summary& x, size_t i) {
  Json quantity = {{"name", quantity_name(i)}, {"mean", x.mean},         {"sd", x.sd},
                   {"mcse_mean", x.mcse_mean}, {"mcse_sd", x.mcse_sd},   {"rhat", x.rhat},
                   {"ess_bulk", x.ess_bulk},   {"ess_tail", x.ess_tail}, {"verdict", name(judge(x))},
                   {"chains", Json::array({})}};
  for (const ChainSummary& chain : x.chains)
    quantity["chains"].push_back({{"mean", chain.mean}, {"sd", chain.sd}, {"ess", chain.ess}});
  return quantity;
}

void print_json(const Diagnosis& diagnosis) {
  Json all = {{"chains", diagnosis.chains},
              {"draws", diagnosis.draws},
              {"verdict", name(judge(diagnosis))},
              {"quantities", Json::array({})}};
  for (size_t i = 0; i < diagnosis.quantities.size(); ++i)
    all["quantities"].push_back(to_json(diagnosis.quantities[i], i));
  for (const EnergySummary& chain : diagnosis.energy) all["energy"].push_back({{"mean", chain.mean}, {"sd", chain.sd}});
  if (!diagnosis.bfmi.empty()) all["bfmi"] = diagnosis.bfmi;
  if (!diagnosis.acceptance.empty()) all["acceptance"] = diagnosis.acceptance;
  std::printf("%s\n", all.dump(2).c_str());
}

// ---- The command

struct Options {
  std::string input, energy, acceptance, hamiltonian;
  bool draws_first = false;
  SamplerSettings sampler{.warm_up = 200};
  int64_t chains = 8, draws = 500, thin = 1;
  uint64_t seed = 1;
  std::string device = "auto";
  DiagnosisFormat format;
};

/// A file's array as [chains, draws,...]; absent without a file.
Tensor read_chains(const std::string& file, bool draws_first) {
  if (file.empty()) return {};
  const Tensor x = io::read_npy(file);
  if (x.rank() == 1) return x.with_shape({1, x.dim(0)});
  if (!draws_first) return x;
  if (x.rank() == 2) return permute(x, {1, 0});
  if (x.rank() == 3) return permute(x, {1, 0, 2});
  return x;
}

int diagnose_file(const Options& options, const Common& common) {
  if (options.input.empty()) throw UsageError("expected a file of draws or a run directory, got an empty name");
  const Tensor draws = read_chains(options.input, options.draws_first);
  if (!common.quiet && !options.draws_first && draws.rank() > 1 && draws.dim(0) > draws.dim(1))
    std::fprintf(stderr, "erg: %lld chains of %lld draws? If it is the other way round, give --draws-first\n",
                 static_cast<long long>(draws.dim(0)), static_cast<long long>(draws.dim(1)));
  try {
    const Diagnosis diagnosis = diagnose(draws, read_chains(options.energy, options.draws_first),
                                         read_chains(options.acceptance, options.draws_first),
                                         read_chains(options.hamiltonian, options.draws_first));
    return int(print_diagnosis(diagnosis, options.format));
  } catch (const std::invalid_argument& error) { throw io::DataError(options.input, error.what()); }
}

/// New chains on the run's energy.
int diagnose_run(const Options& options, const Common& common) {
  if (!options.energy.empty() || !options.acceptance.empty() || !options.hamiltonian.empty() || options.draws_first)
    throw UsageError("--energy, --acceptance, --hamiltonian and --draws-first go with a file of draws, not with a run");
  const TrainedRun run(options.input, options.device);
  const auto sampling =
      start_sampling(options.sampler, run, options.chains, options.draws * options.thin, options.seed);
  const Draws draws = sampling->record(options.draws, options.thin);
  if (const std::string report = sampling->report(); !common.quiet && !report.empty())
    std::fprintf(stderr, "%s: %s\n", options.sampler.sampler.c_str(), report.c_str());
  return int(print_diagnosis(diagnose(draws.x, draws.energy, draws.acceptance, draws.hamiltonian), options.format));
}

}  // namespace

Verdict print_diagnosis(const Diagnosis& diagnosis, const DiagnosisFormat& format) {
  if (format.json) {
    print_json(diagnosis);
  } else {
    print_quantities(diagnosis, format.rows);
    print_traces(diagnosis);
    std::printf("\n");
    print_verdict(diagnosis);
  }
  return judge(diagnosis);
}

void add_diagnose(CLI::App& app, const Common& common, Run& run) {
  CLI::App* command = app.add_subcommand("diagnose", "Convergence of Markov chains: R-hat, effective sample size");
  auto options = std::make_shared<Options>();
  command->option_defaults()->always_capture_default();
  command
      ->add_option(
          "input", options->input,
          "Draws, a .npy of [chains, draws] or [chains, draws, n], or of one chain [draws]; or a run directory,\n"
          "for new chains on its energy")
      ->required();
  command->add_option("--rows", options->format.rows, "Only the worst quantities, this many (0: all)")
      ->check(at_least(0));
  command->add_flag("--json", options->format.json, "All of it as JSON");
  command->option_defaults()->group("Of a file");
  command->add_option("--energy", options->energy, "Energies of the draws, a .npy of [chains, draws]");
  command->add_option("--acceptance", options->acceptance, "Probabilities of acceptance, a .npy of [chains, draws]");
  command->add_option("--hamiltonian", options->hamiltonian,
                      "HMC's energies with kinetic ones, a .npy of [chains, draws]");
  command->add_flag("--draws-first", options->draws_first, "The files are [draws, chains,...]");
  command->option_defaults()->group("Of a run");
  command->add_option("--sampler", options->sampler.sampler, "Sampler of the chains")
      ->check(CLI::IsMember(sampler_names()));
  command->add_option("--chains", options->chains, "Number of chains")->check(at_least(1));
  command->add_option("--draws", options->draws, "States to keep of each")->check(at_least(1));
  command->add_option("--thin", options->thin, "Steps from one to the next")->check(at_least(1));
  command->add_option("--seed", options->seed, "Which chains")->check(seed_number());
  add_device(*command, options->device);
  add_sampler_settings(*command, options->sampler);
  command->footer(
      "Exit codes: 0 ok, 1 warn (R-hat above 1.01, bulk or tail ESS below 100 a chain, or E-BFMI below 0.3),\n"
      "2 error (R-hat above 1.05, or a number that cannot be estimated).");
  command->callback([&run, &common, options] {
    run = [options, &common] {
      return std::filesystem::is_directory(options->input) ? diagnose_run(*options, common)
                                                           : diagnose_file(*options, common);
    };
  });
}

}  // namespace erg::tools
