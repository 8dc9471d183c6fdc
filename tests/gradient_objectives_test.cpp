// The objectives of adversarial systems, in double, on an example small enough to know everything: two laws on four
// points, p = (.1 .2 .3 .4) and q = (.4 .3 .2 .1), written as ten samples each, which a critic is free to score as it
// likes.
#include <gmock/gmock.h>

#include <cmath>

#include "differences.h"
#include "models/fgan.h"
#include "models/gan.h"
#include "models/lsgan.h"
#include "models/sngan.h"
#include "models/veegan.h"

namespace erg::test {
namespace {

using Values = std::vector<double>;
const Values p{0.1, 0.2, 0.3, 0.4}, q{0.4, 0.3, 0.2, 0.1};
constexpr double log2 = 0.6931471805599453, jensen_shannon = 0.212880, kullback_leibler = 0.456435;

/// The scores of ten samples of a law on the four points, from the scores of the points: a mean over them is the law's.
Tensor sampled(const Values& law, const Tensor& scores) {
  std::vector<Tensor> samples;
  for (int64_t point = 0; point < 4; ++point)
    for (int i = 0; i < int(std::lround(10 * law[size_t(point)])); ++i)
      samples.push_back(slice(scores, 0, point, point + 1));
  return concat(samples, 0);
}

Tensor critic_loss(const Objective& objective, const Tensor& scores) {
  return objective.critic(sampled(p, scores), sampled(q, scores));
}
Tensor generator_loss(const Objective& objective, const Tensor& scores) {
  return objective.generator(sampled(q, scores));
}

Tensor of_points(const std::function<double(double p, double q)>& score) {
  Values values;
  for (size_t i = 0; i < 4; ++i) values.push_back(score(p[i], q[i]));
  return Tensor::from_host({4}, values);
}
double expected(const std::function<double(double p, double q)>& term) {
  double total = 0;
  for (size_t i = 0; i < 4; ++i) total += term(p[i], q[i]);
  return total;
}

/// What gradient descent from zero makes of the four scores.
Tensor fitted(const Objective& objective, real rate, int steps) {
  const Tensor scores = Tensor::zeros({4});
  Sgd descent({scores}, {.rate = rate});
  for (int i = 0; i < steps; ++i) {
    Tape tape;
    tape.watch(scores);
    descent.step(tape.grad(critic_loss(objective, scores), {scores}));
  }
  return scores;
}

void expect_stationary(const Objective& objective, const Tensor& scores) {
  Tape tape;
  tape.watch(scores);
  for (const real slope : tape.grad(critic_loss(objective, scores), {scores})[0].to_host())
    EXPECT_NEAR(slope, 0, 1e-12);
}

/// The generator's law as a softmax, for gradients in it.
Tensor softmax(const Tensor& logits) { return exp(logits) / sum(exp(logits)); }
const Tensor logits = Tensor::from_host({4}, Values{0.3, -0.2, 0.1, 0.5});

// ---- GAN

const Tensor indifferent = Tensor::zeros({4}),
             log_ratio = of_points([](double p, double q) { return std::log(p / q); });

TEST(GanObjective, AnIndifferentDiscriminatorIsWorthMinusTwoLogTwo) {
  for (const auto loss : {Gan::Loss::minimax, Gan::Loss::non_saturating})
    EXPECT_NEAR(critic_loss(Gan::objective(loss), indifferent).item(), 2 * log2, 1e-12);
  EXPECT_NEAR(generator_loss(Gan::objective(Gan::Loss::minimax), indifferent).item(), -log2, 1e-12);
  EXPECT_NEAR(generator_loss(Gan::objective(Gan::Loss::non_saturating), indifferent).item(), log2, 1e-12);
}

TEST(GanObjective, TheOptimumIsTheLogRatioAndMeasuresJensenShannon) {
  const Objective gan = Gan::objective(Gan::Loss::minimax);
  EXPECT_NEAR(-critic_loss(gan, log_ratio).item(), -1.173414, 1e-6);
  EXPECT_NEAR(-critic_loss(gan, log_ratio).item() + 2 * log2, jensen_shannon, 1e-6) << "without its halves";
  EXPECT_NEAR(mean(sampled(p, log_ratio)).item(), kullback_leibler, 1e-6);
  expect_stationary(gan, log_ratio);
}

TEST(GanObjective, TrainingFindsTheOptimum) {
  const Tensor d = fitted(Gan::objective(Gan::Loss::minimax), 2, 500);
  expect_near(d.to_host(), log_ratio.to_host(), 1e-5, "d");
}

/// D is real = 1, fake = 0 when asked for probabilities.
TEST(GanObjective, ReportsProbabilities) {
  const Metrics report = Gan::objective(Gan::Loss::minimax).report(indifferent, log_ratio, indifferent);
  ASSERT_EQ(report.size(), 3u);
  EXPECT_NEAR(report[1].value.item(), expected([](double p, double q) { return p / (p + q); }) / 4, 1e-12);
  EXPECT_NEAR(report[2].value.item(), 0.5, 1e-12);
}

/// E = softplus(-d) in both losses: the generator's is the non-saturating one, and the critic's has no floor.
TEST(GanObjective, AsAnEnergyHasNoLowerBound) {
  const Objective energy = Gan::objective(Gan::Loss::energy);
  EXPECT_EQ(generator_loss(energy, log_ratio).item(),
            generator_loss(Gan::objective(Gan::Loss::non_saturating), log_ratio).item());
  for (const real depth : {10, 100, 1000}) {
    const Tensor d = of_points([&](double p, double q) { return p > q ? depth : -depth; });
    // On the points it calls fake lie 0.3 of p and 0.7 of q.
    EXPECT_NEAR(critic_loss(energy, d).item(), (0.3 - 0.7) * double(depth), 1e-3);
  }
}

// ---- f-GAN: the table against the definitions

struct Definition {
  const char* name;
  double (*f)(double u);
  double (*slope)(double u);  // f'
  double value;               // D_f(p|q)
};
const Definition definitions[] = {
    {"kl", [](double u) { return u * std::log(u); }, [](double u) { return 1 + std::log(u); }, kullback_leibler},
    {"reverse-kl", [](double u) { return -std::log(u); }, [](double u) { return -1 / u; }, kullback_leibler},
    {"pearson", [](double u) { return (u - 1) * (u - 1); }, [](double u) { return 2 * (u - 1); }, 1.208333},
    {"hellinger", [](double u) { return std::pow(std::sqrt(u) - 1, 2); }, [](double u) { return 1 - 1 / std::sqrt(u); },
     0.220204},
    {"jensen-shannon", [](double u) { return u * std::log(u) - (u + 1) * std::log((u + 1) / 2); },
     [](double u) { return std::log(2 * u / (u + 1)); }, jensen_shannon},
    {"gan", [](double u) { return u * std::log(u) - (u + 1) * std::log(u + 1); },
     [](double u) { return std::log(u / (u + 1)); }, jensen_shannon - 2 * log2},
    {"total-variation", [](double u) { return std::abs(u - 1) / 2; },
     [](double u) { return u > 1   ? 0.5
                           : u < 1 ? -0.5
                                   : 0; }, 0.4},
};

Tensor number(double value) { return Tensor::full({1}, real(value)); }

class FganTable : public testing::TestWithParam<Definition> {
 protected:
  const Definition& definition = GetParam();
  const Divergence& row = divergence(definition.name);

  double activation(double v) const { return row.activation(number(v)).item(); }
  double conjugate(double v) const { return row.conjugate(number(v)).item(); }
  /// The output whose activation is t, by bisection: activations rise.
  double output(double t) const {
    double low = -40, high = 40;
    for (int i = 0; i < 200; ++i) {
      const double middle = (low + high) / 2;
      (activation(middle) < t ? low : high) = middle;
    }
    return (low + high) / 2;
  }
  Tensor best() const {
    return of_points([&](double p, double q) { return output(definition.slope(p / q)); });
  }
};

/// f(u) + f*(t) >= u t for all u and t, with equality where t = f'(u): what a convex conjugate is.
TEST_P(FganTable, TheConjugateIsF_sOwn) {
  for (double u = 0.05; u < 20; u *= 1.3) {
    for (double v = -4; v <= 4; v += 0.25)
      EXPECT_GE(definition.f(u) + conjugate(v), u * activation(v) - 1e-9) << "u " << u << ", v " << v;
    const double t = definition.slope(u), v = output(t);
    EXPECT_NEAR(activation(v), t, 1e-9);
    EXPECT_NEAR(definition.f(u) + conjugate(v), u * t, 1e-7 * (1 + u)) << u;
  }
}

TEST_P(FganTable, TheBoundIsTightAtTheOptimumAndBelowElsewhere) {
  const double divergence = expected([&](double p, double q) { return q * definition.f(p / q); });
  EXPECT_NEAR(divergence, definition.value, 1e-6);
  const Objective objective = Fgan::objective(row, false);
  const Tensor optimum = best();
  EXPECT_NEAR(-critic_loss(objective, optimum).item(), divergence, 1e-9);
  for (const double shift : {-0.5, -0.1, 0.1, 0.5})
    EXPECT_LE(-critic_loss(objective, optimum + real(shift)).item(), divergence + 1e-12);
  EXPECT_NEAR(objective.report(critic_loss(objective, optimum), optimum, optimum)[0].value.item(), divergence, 1e-9);
}

TEST_P(FganTable, TrainingFindsTheDivergence) {
  const Objective objective = Fgan::objective(row, false);
  const Tensor v = fitted(objective, 2, 2000);
  // Total variation's critic goes on to infinity, ever more slowly.
  const bool bounded = definition.name != std::string("total-variation");
  EXPECT_NEAR(-critic_loss(objective, v).item(), definition.value, bounded ? 1e-6 : 1e-3);
  const Tensor t = row.activation(v);
  expect_near(t.to_host(), of_points([&](double p, double q) { return definition.slope(p / q); }).to_host(),
              bounded ? 1e-5 : 1e-2, "T");
}

/// The generator's loss is the same T's other half, or with the trick the half that the critic raises on data.
TEST_P(FganTable, TheTrickSwapsTheGeneratorsHalf) {
  const Tensor v = Tensor::from_host({4}, Values{-0.4, 0.3, 1.2, -1.5});
  EXPECT_NEAR(generator_loss(Fgan::objective(row, false), v).item(), -mean(row.conjugate(sampled(q, v))).item(), 1e-12);
  EXPECT_NEAR(generator_loss(Fgan::objective(row, true), v).item(), -mean(row.activation(sampled(q, v))).item(), 1e-12);
}

/// At V's optimum, held constant, the generator's loss has the gradient of the divergence itself.
TEST_P(FganTable, TheGeneratorDescendsTheDivergence) {
  const auto divergence = [&] {
    const Values law = softmax(logits).to_host();
    double total = 0;
    for (size_t i = 0; i < 4; ++i) total += law[i] * definition.f(p[i] / law[i]);
    return total;
  };
  const auto gradient = central_differences(divergence, {logits});
  const Values law = softmax(logits).to_host();
  Values v;
  for (size_t i = 0; i < 4; ++i) v.push_back(output(definition.slope(p[i] / law[i])));
  Tape tape;
  tape.watch(logits);
  const Tensor loss = -sum(softmax(logits) * row.conjugate(Tensor::from_host({4}, v)));
  expect_near(tape.grad(loss, {logits})[0].to_host(), gradient[0], 1e-6, "generator");
}

INSTANTIATE_TEST_SUITE_P(All, FganTable, testing::ValuesIn(definitions), [](const auto& info) {
  std::string name = info.param.name;
  std::erase(name, '-');
  return name;
});

TEST(Fgan, HasTheSevenDivergencesAndNamesThem) {
  ASSERT_EQ(divergences().size(), std::size(definitions));
  for (size_t i = 0; i < divergences().size(); ++i) EXPECT_STREQ(divergences()[i].name, definitions[i].name);
  try {
    divergence("js");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'js'; there are kl, reverse-kl, pearson"));
  }
}

// ---- Hinge and least squares

TEST(HingeObjective, CountsOnlyWhatIsWithinTheMargin) {
  const Objective hinge = Sngan::objective();
  const Tensor real_scores = Tensor::from_host({2}, Values{2, 0.5}),
               fake_scores = Tensor::from_host({2}, Values{-2, 0.5});
  Tape tape;
  tape.watch(real_scores);
  tape.watch(fake_scores);
  const Tensor loss = hinge.critic(real_scores, fake_scores);
  EXPECT_NEAR(loss.item(), (0 + 0.5) / 2 + (0 + 1.5) / 2, 1e-12);
  const auto gradients = tape.grad(loss, {real_scores, fake_scores});
  EXPECT_EQ(gradients[0].to_host(), (Values{0, -0.5}));
  EXPECT_EQ(gradients[1].to_host(), (Values{0, 0.5}));
  EXPECT_NEAR(hinge.generator(fake_scores).item(), 0.75, 1e-12);
}

/// Its best critic is sign(p - q), and its best value 2 - 2 TV, as the overlap of the two laws is 1 - TV.
TEST(HingeObjective, MeasuresTotalVariation) {
  const Objective hinge = Sngan::objective();
  const Tensor sign = of_points([](double p, double q) { return p > q ? 1 : -1; });
  EXPECT_NEAR(critic_loss(hinge, sign).item(), 2 - 2 * 0.4, 1e-12);
  for (const double scale : {0.5, 0.9, 1.1, 2.0}) EXPECT_GT(critic_loss(hinge, real(scale) * sign).item(), 2 - 2 * 0.4);
  const Tensor found = fitted(hinge, 0.01, 2000);
  expect_near(found.to_host(), sign.to_host(), 0.02, "d");
}

TEST(LeastSquaresObjective, TheOptimumWeighsTheLabels) {
  for (const Lsgan::Labels labels : {Lsgan::Labels{}, Lsgan::Labels{-1, 1, 0}}) {
    const Objective objective = Lsgan::objective(labels);
    const Tensor best =
        of_points([&](double p, double q) { return (double(labels.b) * p + double(labels.a) * q) / (p + q); });
    expect_stationary(objective, best);
    expect_near(fitted(objective, 1, 200).to_host(), best.to_host(), 1e-9, "d");
  }
}

/// With b - c = 1 and b - a = 2 the generator, and the same loss on data, add up to half of the Pearson divergence of
/// p + q from 2 q (Mao et al. 2017, equation 8).
TEST(LeastSquaresObjective, IsPearsonsDivergence) {
  const Objective objective = Lsgan::objective({-1, 1, 0});
  const Tensor best = of_points([](double p, double q) { return (p - q) / (p + q); });
  const double pearson = expected([](double p, double q) { return std::pow(2 * q - (p + q), 2) / (p + q); });
  EXPECT_NEAR((objective.generator(sampled(p, best)) + objective.generator(sampled(q, best))).item(), pearson / 2,
              1e-12);
}

// ---- VEEGAN

/// d says yes to the generator: its optimum is log q/p, whose mean over the generator's pairs is KL(q|p).
TEST(VeeganLosses, TheDiscriminatorMeasuresKullbackLeibler) {
  const Tensor best = -log_ratio;
  EXPECT_NEAR(Veegan::discriminator_loss(sampled(q, indifferent), sampled(p, indifferent)).item(), 2 * log2, 1e-12);
  Tape tape;
  tape.watch(best);
  const Tensor loss = Veegan::discriminator_loss(sampled(q, best), sampled(p, best));
  EXPECT_NEAR(loss.item(), 1.173414, 1e-6);
  for (const real slope : tape.grad(loss, {best})[0].to_host()) EXPECT_NEAR(slope, 0, 1e-12);
  const Tensor z = Tensor::zeros({10, 3});
  EXPECT_NEAR(Veegan::generator_loss(sampled(q, best), z, z).item(), kullback_leibler, 1e-6);
}

}  // namespace
}  // namespace erg::test
