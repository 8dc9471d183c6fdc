// The list of metrics: for each what it is called, which samples it is for, and its rows of the table.
#include <cmath>

#include "classifier_score.h"
#include "density.h"
#include "evaluation.h"
#include "features.h"
#include "frechet.h"
#include "kernel_distance.h"
#include "modes.h"
#include "neighbours.h"

namespace erg::tools {

namespace {

using Kind = Evaluation::Kind;
using Unit = Score::Unit;
using Scores = std::vector<Score>;

bool is_plane(const Evaluation& e) { return e.kind() == Kind::plane; }
bool is_mixture(const Evaluation& e) { return e.mixture().has_value(); }
bool has_digits(const Evaluation& e) { return e.kind() == Kind::digits || e.kind() == Kind::stacks; }
bool has_modes(const Evaluation& e) { return is_mixture(e) || has_digits(e); }
bool is_image(const Evaluation& e) { return e.kind() == Kind::digits || e.kind() == Kind::colours; }
bool has_features(const Evaluation& e) { return e.kind() != Kind::stacks && e.kind() != Kind::nothing; }
bool has_image_features(const Evaluation& e) { return is_image(e) || e.kind() == Kind::features; }
bool has_law(const Evaluation& e) { return is_plane(e) && e.samples().law.has_value(); }
bool has_classes(const Evaluation& e) { return e.samples().logits || (is_image(e) && !e.samples().labels.empty()); }

std::string within(const char* what, double radius) {
  return std::string(what) + " within " + std::to_string(int(radius)) + " sd";
}

// ---- Coverage of modes: of a mixture, or of digits and their stacks by a classifier

constexpr double radii[] = {3, 4};

/// How often each mode is shown by the samples, and how often by the stacks of test digits.
struct Stacks {
  std::vector<int64_t> counts;
  Probabilities real;
};
Stacks stacks(Evaluation& e) {
  const int channels = e.kind() == Kind::stacks ? int(e.samples().shape.back()) : 1;
  return {count_stacks(classes(e.sample_outputs().logits), channels),
          stack_probabilities(shares(count_stacks(classes(e.test_outputs().logits), 1)), channels)};
}

Scores modes(Evaluation& e) {
  Scores scores;
  if (!is_mixture(e)) {
    const auto [counts, real] = stacks(e);
    const Probabilities even = uniform(counts.size());
    return {{.metric = "modes",
             .unit = Unit::modes,
             .value = double(counts.size() - size_t(std::count(counts.begin(), counts.end(), 0))),
             .real = expected_modes(real, e.count()),
             .perfect = expected_modes(even, e.count()),
             .total = double(counts.size()),
             .features = e.network().name}};
  }
  for (double radius : radii) {
    const ModeCount count = count_modes(*e.mixture(), e.points(), radius);
    scores.push_back({.metric = within("modes", radius),
                      .unit = Unit::modes,
                      .value = double(count.found),
                      .real = count_modes(*e.mixture(), e.real_points(), radius).found,
                      .perfect = ideal_modes(*e.mixture(), e.count(), radius).found,
                      .total = double(count.total)});
  }
  return scores;
}

Scores high_quality(Evaluation& e) {
  Scores scores;
  for (double radius : radii)
    scores.push_back({.metric = within("high quality", radius),
                      .unit = Unit::share,
                      .value = count_modes(*e.mixture(), e.points(), radius).high_quality,
                      .real = count_modes(*e.mixture(), e.real_points(), radius).high_quality,
                      .perfect = ideal_modes(*e.mixture(), e.count(), radius).high_quality});
  return scores;
}

Scores coverage(Evaluation& e) {
  const ModeCount count = count_modes(*e.mixture(), e.points()), real = count_modes(*e.mixture(), e.real_points());
  const IdealModes ideal = ideal_modes(*e.mixture(), e.count(), 3);
  if (count.found == 0) throw std::invalid_argument("[coverage] no sample is near a mode");
  const auto score = [](const char* name, double value, double of_real, double perfect) {
    return Score{.metric = name, .unit = Unit::number, .value = value, .real = of_real, .perfect = perfect};
  };
  const Probabilities p = shares(count.counts), q = shares(real.counts), even = uniform(p.size());
  return {score("spread about modes (sd)", count.spread, real.spread, ideal.spread),
          score("entropy of modes", entropy(p), entropy(q), ideal.entropy),
          score("JS of modes to uniform", js_divergence(p, even), js_divergence(q, even), ideal.js)};
}

Scores kl(Evaluation& e) {
  Score score{.metric = "KL of modes to uniform", .unit = Unit::number, .value = 0};
  if (is_mixture(e)) {
    const ModeCount count = count_modes(*e.mixture(), e.points()), real = count_modes(*e.mixture(), e.real_points());
    if (count.found == 0) throw std::invalid_argument("[kl] no sample is near a mode");
    const Probabilities even = uniform(count.counts.size());
    score.value = kl_divergence(shares(count.counts), even);
    score.real = kl_divergence(shares(real.counts), even);
    score.perfect = std::log(double(even.size())) - ideal_modes(*e.mixture(), e.count(), 3).entropy;
  } else {
    const auto [counts, real] = stacks(e);
    const Probabilities even = uniform(counts.size());
    score.value = kl_divergence(shares(counts), even);
    score.real = expected_kl_to_uniform(real, e.count());
    score.perfect = expected_kl_to_uniform(even, e.count());
    score.features = e.network().name;
  }
  return {score};
}

// ---- Densities in the plane

Scores divergence(Evaluation& e) {
  const Grid grid{.extent = 2, .cells = 100};
  const auto cells = [&](const Tensor& points) { return shares(histogram(points, grid)); };
  const Probabilities p = cells(e.points()), real = cells(e.real_points()), reference = cells(e.reference_points());
  return {{.metric = "JS to the data",
           .unit = Unit::number,
           .value = js_divergence(p, reference),
           .real = js_divergence(real, reference),
           .features = "100x100 cells"},
          {.metric = "total variation",
           .unit = Unit::number,
           .value = total_variation(p, reference),
           .real = total_variation(real, reference),
           .features = "100x100 cells"}};
}

Scores likelihood(Evaluation& e) {
  const Energy& law = *e.samples().law;
  const GridDensity density = normalise(law, {}, e.device());
  Score likelihood{.metric = "log-likelihood of data",
                   .unit = Unit::number,
                   .value = log_likelihood(law, density, e.real_points().to(e.device())),
                   .features = "energy"};
  Score spread{
      .metric = "entropy of the energy", .unit = Unit::number, .value = entropy(density), .features = "energy"};
  if (e.mixture()) {
    likelihood.perfect = log_likelihood(*e.mixture(), e.real_points());
    spread.perfect = -*likelihood.perfect;
  }
  return {likelihood, spread};
}

// ---- Features

Scores classifier(Evaluation& e) {
  const SplitScore score = classifier_score(e.sample_outputs().logits);
  Noise some = e.noise("real logits");
  return {{.metric = "Inception-style score",
           .unit = Unit::number,
           .value = score.mean,
           .deviation = score.deviation,
           .real = classifier_score(random_rows(e.test_outputs().logits, e.count(), some)).mean,
           .features = e.network().name}};
}

Scores reverse(Evaluation& e) {
  Noise some = e.noise("real logits");
  const ReverseScore samples = reverse_score(e.sample_outputs().logits),
                     real = reverse_score(random_rows(e.test_outputs().logits, e.count(), some));
  const auto score = [&](const char* name, double value, double of_real) {
    return Score{.metric = name, .unit = Unit::number, .value = value, .real = of_real, .features = e.network().name};
  };
  return {score("E KL(p(y)||p(y|x))^2", samples.squared, real.squared),
          score("E KL(p(y)||p(y|x))", samples.plain, real.plain)};
}

Scores frechet(Evaluation& e) {
  const Compared& f = e.features();
  const Moments reference = moments(f.reference);
  Score score{.metric = "Frechet distance",
              .unit = Unit::number,
              .value = frechet_distance(moments(f.samples), reference),
              .features = f.name};
  if (f.real) score.real = frechet_distance(moments(f.real), reference);
  return {score};
}

Scores kernel(Evaluation& e) {
  const Compared& f = e.features();
  const auto distance = [&](const Tensor& x) { return kernel_distance(x, f.reference, e.noise("subsets")); };
  const KernelDistance of_samples = distance(f.samples);
  Score score{.metric = "kernel distance",
              .unit = Unit::number,
              .value = of_samples.mean,
              .deviation = of_samples.deviation,
              .features = f.name};
  if (f.real) score.real = distance(f.real).mean;
  return {score};
}

Scores neighbours(Evaluation& e) {
  const Compared& f = e.features();
  Noise some = e.noise("reference");
  const Tensor reference = random_rows(f.reference, f.samples.dim(0), some);
  const PrecisionRecall of_samples = precision_recall(f.samples, reference);
  Score precision{.metric = "precision", .unit = Unit::share, .value = of_samples.precision, .features = f.name};
  Score recall{.metric = "recall", .unit = Unit::share, .value = of_samples.recall, .features = f.name};
  if (f.real) {
    const PrecisionRecall of_real = precision_recall(f.real, reference);
    precision.real = of_real.precision;
    recall.real = of_real.recall;
  }
  return {precision, recall};
}

Scores accuracies(Evaluation& e) {
  Scores scores;
  if (e.samples().logits)
    scores.push_back({.metric = "accuracy on test images",
                      .unit = Unit::share,
                      .value = accuracy(e.own_test_logits(), e.test_labels()),
                      .features = "its own logits"});
  if (!e.samples().labels.empty())
    scores.push_back({.metric = "accuracy of labels",
                      .unit = Unit::share,
                      .value = accuracy(e.sample_outputs().logits, e.samples().labels),
                      .real = accuracy(e.test_outputs().logits, e.test_labels()),
                      .features = e.network().name});
  return scores;
}

const Metric all[] = {
    {"modes", "modes of a mixture with a sample within 3 and 4 sd; classes of digits or of their stacks", has_modes,
     modes},
    {"hq", "share of samples within 3 and 4 sd of a mode", is_mixture, high_quality},
    {"coverage", "how wide the modes are, and how evenly they are hit: entropy, JS to uniform", is_mixture, coverage},
    {"kl", "KL of how often the modes are hit to uniform (StackedMNIST's)", has_modes, kl},
    {"divergence", "JS and total variation between histograms of samples and of data", is_plane, divergence},
    {"likelihood", "log-likelihood of data and entropy of exp(-E)/Z, where the run has an energy", has_law, likelihood},
    {"is", "exp of the mutual information of sample and class (Inception Score's formula), 10 splits", is_image,
     classifier},
    {"reverse", "E KL(p(y)||p(y|x))^2, and without the square: EBGAN's modified inception score", is_image, reverse},
    {"frechet", "Frechet distance of Gaussians fitted to the features (FID's formula)", has_image_features, frechet},
    {"kernel", "squared MMD of the features, 100 subsets of 1,000 (KID's formula)", has_image_features, kernel},
    {"pr", "precision and recall by 3 nearest neighbours", has_features, neighbours},
    {"accuracy",
     "share of right classes: of test images by a run that classifies, of samples with --labels by the network",
     has_classes, accuracies},
};

}  // namespace

std::span<const Metric> metrics() { return all; }

}  // namespace erg::tools
