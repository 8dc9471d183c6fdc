// EBM: the three forms of its loss, the terms that hold it, what its differences tell; and that training can go on.
#include "models/ebm.h"

#include <gmock/gmock.h>

#include <cmath>
#include <memory>

#include "models/nets.h"
#include "samplers/langevin.h"
#include "system_laws.h"

namespace erg::test {
namespace {

Tensor row(const std::vector<real>& values) { return Tensor::from_host({int64_t(values.size())}, values); }

// ---- The loss

TEST(EbmLoss, OnNumbersMadeByHand) {
  const Tensor data = row({1, 3}), samples = row({0, 2});
  EXPECT_FLOAT_EQ(Ebm::loss(Ebm::Loss::difference, data, samples).item(), 1);
  EXPECT_FLOAT_EQ(Ebm::loss(Ebm::Loss::logsumexp, data, samples).item(), real(2 + std::log(1 + std::exp(-2))));
  EXPECT_FLOAT_EQ(Ebm::loss(Ebm::Loss::softplus, data, samples).item(), real(std::log(1 + std::exp(1))));
}

TEST(EbmLoss, LogsumexpPullsSamplesByTheirSoftmax) {
  const Tensor data = row({1, 3, 0}), samples = row({0, 2, -1});
  Tape tape;
  tape.watch(samples);
  const auto pull = tape.grad(Ebm::loss(Ebm::Loss::logsumexp, data, samples), {samples})[0].to_host();
  const double total = std::exp(0) + std::exp(-2) + std::exp(1);
  EXPECT_NEAR(pull[0], -std::exp(0) / total, 1e-6);
  EXPECT_NEAR(pull[1], -std::exp(-2) / total, 1e-6);
  EXPECT_NEAR(pull[2], -std::exp(1) / total, 1e-6);
}

TEST(EbmLoss, SoftplusLetsGoOfPairsInOrder) {
  const Tensor data = row({-50, 0}), samples = row({50, 0});
  Tape tape;
  tape.watch(samples);
  const auto pull = tape.grad(Ebm::loss(Ebm::Loss::softplus, data, samples), {samples})[0].to_host();
  EXPECT_NEAR(pull[0], 0, 1e-20);
  EXPECT_FLOAT_EQ(pull[1], -0.25);  // half the sigmoid at zero
}

// ---- A step

/// E(x) = w.x on two coordinates, with samples at the origin.
Ebm linear_ebm(Sequential net, const Ebm::Options& options) {
  return Ebm(
      std::move(net), options, [](const Energy&, const Tensor& data) { return Tensor::zeros(data.shape()); },
      Noise(1, "data noise"));
}

Tensor ones(int64_t count) { return Tensor::ones({count, 2}); }

TEST(EbmStep, SgdDescendsTheDifference) {
  Noise noise(1, "test");
  Sequential net = mlp({2, 1}, noise);
  const auto before = params(net)[0].to_host();
  Ebm ebm = linear_ebm(net, {.sgd = Sgd::Options{.rate = real(0.5)}});
  ebm.step([] { return ones(4); });
  const auto after = params(net)[0].to_host();
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(after[i], before[i] - 0.5, 1e-6);  // d/dw of w.(1,1) - w.(0,0)
  ebm.set_rate(0);
  ebm.step([] { return ones(4); });
  EXPECT_EQ(params(net)[0].to_host(), after);
}

TEST(EbmStep, EnergyL2ShrinksEnergies) {
  Noise noise(1, "test");
  Sequential net = mlp({2, 1}, noise);
  params(net)[0].copy_(Tensor::full({2, 1}, 3));
  Ebm ebm = linear_ebm(net, {.energy_l2 = real(0.25), .sgd = Sgd::Options{.rate = real(0.1)}});
  const Metrics metrics = ebm.step([] { return ones(4); });
  EXPECT_FLOAT_EQ(metric(metrics, "E(x)"), 6);
  EXPECT_FLOAT_EQ(metric(metrics, "gap"), 6);
  // The difference's slope in w_i is 1, and that of a quarter of E^2 is E / 2.
  for (const real w : params(net)[0].to_host()) EXPECT_NEAR(w, 3 - 0.1 * (1 + 3), 1e-6);
}

TEST(EbmStep, ReportsTheGradientOnItsSamples) {
  Noise noise(1, "test");
  Sequential net = mlp({2, 1}, noise);
  params(net)[0].copy_(Tensor::from_host({2, 1}, std::vector<real>{3, 4}));
  Ebm ebm = linear_ebm(net, {.watch_gradient = true});
  EXPECT_NEAR(metric(ebm.step([] { return ones(4); }), "grad(x')"), 5, 1e-5);
}

/// One more step down a slope of w moves x by drift * min(w, clip), and lowers the energy by w times that.
TEST(EbmStep, TheLastStepIsOneOfDescent) {
  Noise noise(1, "test");
  Sequential net = mlp({2, 1}, noise);
  params(net)[0].copy_(Tensor::from_host({2, 1}, std::vector<real>{3, real(0.5)}));
  Ebm ebm = linear_ebm(net, {.last_step = {.weight = 1, .drift = 2, .grad_clip = 1}});
  EXPECT_NEAR(metric(ebm.step([] { return ones(4); }), "kl"), -(3 * 2 * 1 + 0.5 * 2 * 0.5), 1e-5);
}

/// Nijkamp et al. 2020: U = F / T with T = epsilon^2 / 2. Exact chains on U are tempered ones on F, and the rate T
/// rate0 on U is rate0 on F.
TEST(EbmStep, AScaledEnergyIsAMatterOfUnits) {
  Noise weights(2, "weights");
  Sequential net = mlp({2, 8, 1}, weights, {.hidden = {Activation::Kind::silu}});
  const real epsilon = real(0.3), temperature = epsilon * epsilon / 2, rate = real(0.2);
  const Energy f = [&](const Tensor& x) { return scores(net(x, Mode::eval)); };
  const Energy u = [&](const Tensor& x) { return f(x) / temperature; };
  Noise first(3, "chains"), second(3, "chains");
  const Tensor start = weights.normal({16, 2}), data = weights.normal({16, 2});
  const Tensor samples = run(Langevin::tempered(1, epsilon), f, start, 20, first);
  const auto of_u = run(Langevin::exact(temperature), u, start, 20, second).to_host(), of_f = samples.to_host();
  for (size_t i = 0; i < of_f.size(); ++i) EXPECT_NEAR(of_f[i], of_u[i], 1e-3);

  std::vector<Tensor> expected;
  {
    Tape tape;
    tape.watch(params(net));
    const auto slopes = tape.grad(mean(u(data)) - mean(u(samples)), params(net));
    for (size_t i = 0; i < slopes.size(); ++i) expected.push_back(params(net)[i] - temperature * rate * slopes[i]);
  }
  Ebm ebm(
      net, {.sgd = Sgd::Options{.rate = rate}}, [&](const Energy&, const Tensor&) { return samples; },
      Noise(1, "data"));
  ebm.step([&] { return data; });
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto got = params(net)[i].to_host(), want = expected[i].to_host();
    for (size_t k = 0; k < got.size(); ++k) EXPECT_NEAR(got[k], want[k], 1e-5);
  }
}

TEST(Ebm, GoesOnWithTheSameBits) {
  using Loss = Ebm::Loss;
  const Ebm::Options variants[] = {
      {},
      {.loss = Loss::logsumexp, .energy_l2 = 1, .data_noise = real(0.1), .adam{.rate = real(1e-3), .clip = 3}},
      {.loss = Loss::softplus,
       .last_step{.weight = 1},
       .sgd = Sgd::Options{.rate = real(0.01), .momentum = real(0.9)}}};
  for (const Ebm::Options& options : variants) {
    const auto make = [&](uint64_t seed) {
      Noise noise(seed, "weights");
      return std::make_unique<Ebm>(
          mlp({2, 32, 32, 1}, noise, {.hidden = {Activation::Kind::silu}, .spectral_norm = true}), options,
          [](const Energy& energy, const Tensor& data) {
            const Tensor x = Tensor::ones(data.shape());
            return x - energy_and_gradient(energy, x).gradient;
          },
          Noise(1, "data noise"));
    };
    expect_resumable(make, [](Ebm& ebm, int i) {
      ebm.step([i] { return Noise(uint64_t(i), "data").normal({64, 2}); });
    });
  }
}

// ---- The trend

std::vector<double> numbers(const std::function<double(int)>& f) {
  std::vector<double> all;
  for (int i = 0; i < 100; ++i) all.push_back(f(i));
  return all;
}

TEST(EnergyTrend, IsTheShareOfSigns) {
  Noise noise(4, "test");
  const auto normal = noise.normal({100}).to_host();
  EXPECT_EQ(energy_trend(numbers([&](int i) { return normal[size_t(i)]; })), EnergyTrend::balanced);
  EXPECT_EQ(energy_trend(numbers([&](int i) { return normal[size_t(i)] - 3; })), EnergyTrend::falling);
  EXPECT_EQ(energy_trend(numbers([&](int i) { return normal[size_t(i)] + 3; })), EnergyTrend::rising);
  EXPECT_EQ(energy_trend(numbers([&](int i) { return (i % 2 ? 5 : -5) + normal[size_t(i)]; })), EnergyTrend::flipping);
}

TEST(EnergyTrend, SeesGradientsGrow) {
  const auto balanced = numbers([](int i) { return (i / 2) % 2 ? 1 : -1; });
  EXPECT_EQ(energy_trend(balanced, numbers([](int) { return 0.1; })), EnergyTrend::balanced);
  EXPECT_EQ(energy_trend(balanced, numbers([](int i) { return 0.1 * std::exp(0.1 * i); })), EnergyTrend::exploding);
  EXPECT_EQ(energy_trend(numbers([](int i) { return i == 50 ? std::nan("") : 1; })), EnergyTrend::exploding);
  EXPECT_THAT(describe(EnergyTrend::exploding), testing::HasSubstr("explodes"));
}

TEST(EnergyTrend, WantsEnoughToJudge) {
  const std::vector<double> few(19, 1), enough(20, 1);
  EXPECT_THROW(energy_trend(few), std::invalid_argument);
  EXPECT_THROW(energy_trend(enough, few), std::invalid_argument);
  EXPECT_EQ(energy_trend(enough), EnergyTrend::rising);
}

}  // namespace
}  // namespace erg::test
