// erg eval RUN|FILE.npy|real: how good are these samples? A table of metrics beside the scores of real data.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "../engine/io/error.h"
#include "../engine/io/npy.h"
#include "../engine/ops.h"
#include "commands.h"
#include "error.h"
#include "metrics/evaluation.h"
#include "sampling.h"

namespace erg::tools {

namespace {

struct Options {
  std::string input, data, labels, features, reference_features, format = "table", device = "auto";
  std::vector<std::string> metrics;
  int64_t count = 0;
  EvaluationOptions evaluation;
};

// ---- Samples

/// A run's newest checkpoint, as a source of samples; `run` outlives it.
Samples run_samples(const TrainedRun& run, const Options& options) {
  const std::string& data = run.settings.data;
  if (!options.data.empty() && options.data != data)
    throw UsageError("--data " + options.data + ": the run was trained on " + data);
  Samples samples{.data = data, .shape = sample_shape(data), .logits = run.trainer->classifier()};
  if (!run.trainer->has_samples()) return samples;
  samples.count = options.count > 0 ? options.count : protocol_count(data);
  samples.next = [&run, noise = Noise(options.evaluation.seed, "samples", device_of(run.settings))](
                     int64_t count) mutable { return run.trainer->sample(count, noise); };
  try {
    for (const Target& target : run.trainer->targets())
      if (target.space == "data") samples.law = target.energy;
  } catch (const UsageError&) {}  // an energy without a temperature is no law
  return samples;
}

std::vector<uint8_t> read_labels(const std::string& file, int64_t count) {
  if (file.empty()) return {};
  const Tensor x = io::read_npy(file);
  if (x.rank() != 1 || x.dim(0) < count)
    throw io::DataError(
        file, "expected a label for each of " + std::to_string(count) + " samples, got " + to_string(x.shape()));
  std::vector<uint8_t> labels;
  for (const real label : x.to_host()) {
    if (!(label >= 0 && label <= 255) || label != std::floor(label))
      throw io::DataError(file, "expected classes from 0 on, got " + std::to_string(label));
    labels.push_back(uint8_t(label));
  }
  labels.resize(size_t(count));
  return labels;
}

Samples file_samples(const Options& options) {
  if (options.data.empty()) throw UsageError("--data is needed for a file of samples: which set do they imitate?");
  Shape shape = sample_shape(options.data);
  const Tensor all = io::read_npy(options.input);
  if (is_stack(options.data) && all.rank() == 4) shape[2] = all.dim(3);  // stacks of any number of digits
  Shape expected{all.rank() > 0 ? all.dim(0) : 0};
  for (int64_t extent : shape) expected.push_back(extent);
  if (all.shape() != expected || all.size() == 0)
    throw io::DataError(options.input, "expected samples of " + options.data + ", " + to_string(shape) +
                                           " behind their number, got " + to_string(all.shape()));
  if (options.count > all.dim(0))
    throw UsageError("--n " + std::to_string(options.count) + ": the file holds " + std::to_string(all.dim(0)));
  Samples samples{.data = options.data, .count = options.count > 0 ? options.count : all.dim(0), .shape = shape};
  const std::vector<real> numbers = all.to_host();
  const auto wrong = std::ranges::find_if(numbers, [](real number) { return !std::isfinite(number); });
  if (wrong != numbers.end())
    throw io::DataError(options.input, "expected finite numbers, got " + std::to_string(*wrong) + " in sample " +
                                           std::to_string((wrong - numbers.begin()) / shape.size()));
  samples.next = in_order(all);
  samples.labels = read_labels(options.labels, samples.count);
  return samples;
}

// ---- The table

std::string number(double value, Score::Unit unit, double total) {
  char text[40];
  if (unit == Score::Unit::share)
    std::snprintf(text, sizeof text, "%.2f %%", 100 * value);
  else if (unit == Score::Unit::modes)
    std::snprintf(text, sizeof text, "%.5g/%.0f", value, total);
  else
    std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// A column that some scores have.
struct Column {
  const char* head;
  int width;
  std::optional<double> Score::*value;
  const char* meaning = nullptr;
};
const Column columns[] = {
    {"+-", 10, &Score::deviation, "standard deviation over parts of the samples"},
    {"real data", 14, &Score::real},
    {"perfect", 14, &Score::perfect, "expected of a sampler of the data's very law"},
};

/// A row for each score, of the columns that are not empty; below it, what the words stand for.
void print_table(const std::vector<Score>& scores, Description description) {
  std::vector<Column> shown;
  for (const Column& column : columns)
    if (std::ranges::any_of(scores, [&](const Score& s) { return (s.*column.value).has_value(); })) {
      shown.push_back(column);
      if (column.meaning) description.emplace_back(column.head, column.meaning);
    }
  const bool compared = std::ranges::any_of(scores, [](const Score& s) { return !s.features.empty(); });
  std::printf("%-26s %14s", "", "samples");
  for (const Column& column : shown) std::printf(" %*s", column.width, column.head);
  std::printf("%s\n", compared ? "  by" : "");
  for (const Score& s : scores) {
    std::printf("%-26s %14s", s.metric.c_str(), number(s.value, s.unit, s.total).c_str());
    for (const Column& column : shown) {
      const std::optional<double>& x = s.*column.value;
      std::printf(" %*s", column.width, x ? number(*x, s.unit, s.total).c_str() : "-");
    }
    std::printf("%s%s\n", s.features.empty() ? "" : "  ", s.features.c_str());
  }
  std::printf("\n");
  for (const auto& [word, meaning] : description) std::printf("%-11s%s\n", word.c_str(), meaning.c_str());
}

void print_json(const std::vector<Score>& scores, const Options& options, Evaluation& evaluation) {
  using Json = nlohmann::ordered_json;
  const auto value_or_null = [](const std::optional<double>& x) { return x && std::isfinite(*x) ? Json(*x) : Json(); };
  Json all = {{"input", options.input},        {"data", evaluation.samples().data}, {"seed", options.evaluation.seed},
              {"samples", evaluation.count()}, {"description", Json::object()},     {"scores", Json::array()}};
  for (const auto& [word, meaning] : evaluation.description()) all["description"][word] = meaning;
  for (const Score& s : scores) {
    Json row = {{"metric", s.metric},
                {"value", value_or_null(s.value)},
                {"deviation", value_or_null(s.deviation)},
                {"real", value_or_null(s.real)},
                {"perfect", value_or_null(s.perfect)},
                {"by", s.features}};
    if (s.unit == Score::Unit::modes) row["total"] = s.total;
    all["scores"].push_back(row);
  }
  std::printf("%s\n", all.dump(2).c_str());
}

// ---- The command

std::vector<std::string> names_of(const Evaluation* applicable) {
  std::vector<std::string> names;
  for (const Metric& m : metrics())
    if (!applicable || m.applies(*applicable)) names.emplace_back(m.name);
  return names;
}

void check_names(const std::vector<std::string>& asked) {
  const std::vector<std::string> known = names_of(nullptr);
  for (const std::string& name : asked)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UsageError("--metrics: unknown metric '" + name + "'; there are " + join(known));
}

/// The scores asked for, or all that can be had; of those, one that cannot is told and left out.
std::vector<Score> score(Evaluation& evaluation, const Options& options) {
  const std::vector<std::string> applicable = names_of(&evaluation);
  for (const std::string& name : options.metrics)
    if (std::find(applicable.begin(), applicable.end(), name) == applicable.end())
      throw UsageError("--metrics: '" + name + "' is not for these samples; there are " + join(applicable));
  std::vector<Score> scores;
  for (const Metric& m : metrics()) {
    const auto is_this = [&](const std::string& name) { return name == m.name; };
    const bool asked = std::any_of(options.metrics.begin(), options.metrics.end(), is_this);
    if (!asked && (!options.metrics.empty() || !m.applies(evaluation))) continue;
    try {
      for (Score& s : m.score(evaluation)) scores.push_back(std::move(s));
    } catch (const std::invalid_argument& error) {
      if (asked || scores.empty()) throw;
      std::fprintf(stderr, "erg: %s left out: %s\n", m.name, error.what());
    }
  }
  return scores;
}

int print_scores(Evaluation& evaluation, const Options& options) {
  try {
    const std::vector<Score> scores = score(evaluation, options);
    if (options.format == "json")
      print_json(scores, options, evaluation);
    else
      print_table(scores, evaluation.description());
  } catch (const std::invalid_argument& error) {
    throw io::DataError(options.input.empty() ? options.features : options.input, error.what());
  }
  return Exit::ok;
}

int evaluate_features(const Options& options) {
  if (options.features.empty() || options.reference_features.empty() || !options.input.empty())
    throw UsageError("--features and --reference-features go together, and without a run or a file of samples");
  Evaluation evaluation({.name = options.features,
                         .samples = io::read_npy(options.features),
                         .reference = io::read_npy(options.reference_features),
                         .real = {}},
                        options.evaluation.seed);
  return print_scores(evaluation, options);
}

int evaluate(Options options, bool quiet) {
  check_names(options.metrics);
  if (!options.features.empty() || !options.reference_features.empty()) return evaluate_features(options);
  if (options.input.empty()) throw UsageError("eval: give a run, a file of samples, or the word real");
  Settings device;
  device.device = options.device;
  options.evaluation.device = device_of(device);
  options.evaluation.quiet = quiet;
  std::optional<TrainedRun> run;
  const auto samples = [&]() -> Samples {
    if (options.input == "real") {
      if (options.data.empty()) throw UsageError("--data is needed: real samples of which set?");
      return real_samples(options.data, options.count, options.evaluation.data_dir, options.evaluation.seed);
    }
    if (!std::filesystem::is_directory(options.input)) return file_samples(options);
    return run_samples(run.emplace(options.input, options.device), options);
  };
  Evaluation evaluation(samples(), options.evaluation);
  return print_scores(evaluation, options);
}

}  // namespace

void add_eval(CLI::App& app, const Common& common, Run& run) {
  CLI::App* command = app.add_subcommand("eval", "How good samples are: a table of metrics beside real data's");
  auto options = std::make_shared<Options>();
  command->option_defaults()->always_capture_default();
  command->add_option("input", options->input,
                      "Run directory; or samples, a .npy of [N,2] or [N,H,W,C] in [-1,1]; or the word real, for the\n"
                      "data themselves");
  command->add_option("--data", options->data, "The set that the samples of a file imitate");
  command->add_option("--data-dir", options->evaluation.data_dir,
                      "Folder of the image sets (default: $ERG_DATA or data)");
  command->add_option("--metrics", options->metrics, "Which, with commas between (default: all that apply)")
      ->delimiter(',');
  command->add_option("--n", options->count, "How many samples (0: all of a file; else what the protocol says)")
      ->check(at_least(0));
  command->add_option("--seed", options->evaluation.seed, "Which samples, subsets and draws of real data")
      ->check(seed_number());
  add_device(*command, options->device);
  command->add_option("--format", options->format, "How to print")->check(CLI::IsMember({"table", "json"}));
  command->option_defaults()->group("Features");
  command->add_option("--network", options->evaluation.network, "Of CIFAR-10's features")
      ->check(CLI::IsMember({"resnet20", "resnet56"}));
  command->add_option("--classifier", options->evaluation.classifier,
                      "Digit classifier to use, a .safetensors of PyTorch's MNIST example (default: trained once)");
  command->add_option("--cache", options->evaluation.cache,
                      "Folder for the classifier and for features of data (default: ~/.cache/erg)");
  command->add_option("--labels", options->labels, "Classes that the samples of a file were made for, a .npy of [N]");
  command->add_option("--features", options->features,
                      "In place of samples: their features by any network, a .npy of [N,d]");
  command->add_option("--reference-features", options->reference_features, "And the real data's, [M,d]");
  std::string names = "Metrics:";
  for (const Metric& m : metrics()) names += std::string("\n  ") + m.name + ": " + m.summary;
  command->footer(names);
  command->callback(
      [&run, &common, options] { run = [options, &common] { return evaluate(*options, common.quiet); }; });
}

}  // namespace erg::tools
