// Adversarial systems in training: each player's step moves what it should, the other one rests, a checkpoint goes on
// with the same bits, and so does any number of threads.
#include <gmock/gmock.h>

#include "engine/io/checkpoint.h"
#include "kernel_runs.h"
#include "models/ddgm.h"
#include "models/fgan.h"
#include "models/gan.h"
#include "models/lsgan.h"
#include "models/nets.h"
#include "models/sngan.h"
#include "models/unrolled.h"
#include "models/veegan.h"
#include "models/wgan_gp.h"

namespace erg::test {
namespace {

constexpr Activation leaky{Activation::Kind::leaky_relu};

/// A system without its type.
struct System {
  std::function<Metrics(const Batches&)> step;
  std::function<Tensor(Noise&)> sample;  // 256 of them
  std::function<void(Visitor&)> visit;
};

template <class S>
System erase(std::shared_ptr<S> s) {
  return {[s](const Batches& next) { return s->step(next); },
          [s](Noise& noise) { return s->generate(s->prior(256, noise)); }, [s](Visitor& v) { s->visit(v); }};
}

/// Networks of one hidden layer of 32 on the plane, for one system, and Adam at a rate that gets somewhere in 200
/// steps.
struct Small {
  Noise noise{1, "weights"}, latent{1, "latent"};
  Sequential generator = mlp({2, 32, 2}, noise), critic = mlp({2, 32, 1}, noise, {.hidden = leaky});
  Adam::Options adam{.rate = 3e-3f, .beta1 = 0.5f};

  System gan(Gan::Loss loss) {
    const Gan::Options options{.loss = loss, .generator_adam = adam, .discriminator_adam = adam};
    return erase(std::make_shared<Gan>(generator, critic, options, latent));
  }
  System wgan() {
    const Wgan::Options options{.clip = 0.2f, .critic_steps = 2, .rmsprop{.rate = 2e-3f}};
    return erase(std::make_shared<Wgan>(generator, critic, options, latent));
  }
  System wgan_gp() {
    const WganGp::Options options{.penalty = 0.1f, .critic_steps = 2, .adam = adam};
    return erase(std::make_shared<WganGp>(generator, critic, options, latent));
  }
  System sngan() {
    const Sequential normalised = mlp({2, 32, 1}, noise, {.hidden = leaky, .spectral_norm = true});
    const Sngan::Options options{.latent = 2, .discriminator_steps = 1, .adam = adam};
    return erase(std::make_shared<Sngan>(generator, normalised, options, latent));
  }
  System lsgan() {
    const Lsgan::Options options{.generator_adam = adam, .discriminator_adam = adam};
    return erase(std::make_shared<Lsgan>(generator, critic, options, latent));
  }
  System fgan(const std::string& divergence) {
    const Fgan::Options options{.divergence = divergence, .generator_adam = adam, .critic_adam = adam};
    return erase(std::make_shared<Fgan>(generator, critic, options, latent));
  }
  ProductOfExperts experts() {
    const Sequential features = mlp({2, 32, 16}, noise, {.hidden = leaky});
    return ProductOfExperts(features, Linear(16, 8, noise), 2, 1);
  }
  System ddgm() {
    const Sequential with_scales = mlp({2, 32, 2}, noise, {.batch_norm = true});
    const Ddgm::Options options{.entropy = 0.1f, .penalty = 0.1f, .generator_adam = adam, .energy_adam = adam};
    return erase(std::make_shared<Ddgm>(with_scales, experts(), options, latent));
  }
  System unrolled() {
    const Unrolled::Options options{.steps = 2, .rate = 0.05f, .generator_adam = adam, .discriminator_adam = adam};
    return erase(std::make_shared<Unrolled>(generator, critic, options, latent));
  }
  System veegan() {
    const Sequential reconstructor = mlp({2, 32, 2}, noise);
    const PairNet pairs{{}, mlp({4, 32, 1}, noise, {.hidden = leaky})};
    return erase(
        std::make_shared<Veegan>(generator, reconstructor, pairs, Veegan::Options{.latent = 2, .adam = adam}, latent));
  }
};

struct Case {
  const char* name;
  System (*make)();
};
const Case cases[] = {
    {"gan", [] { return Small().gan(Gan::Loss::non_saturating); }},
    {"minimax", [] { return Small().gan(Gan::Loss::minimax); }},
    {"wgan", [] { return Small().wgan(); }},
    {"wgan_gp", [] { return Small().wgan_gp(); }},
    {"sngan", [] { return Small().sngan(); }},
    {"lsgan", [] { return Small().lsgan(); }},
    {"fgan_kl", [] { return Small().fgan("kl"); }},
    {"fgan_jensen_shannon", [] { return Small().fgan("jensen-shannon"); }},
    {"fgan_total_variation", [] { return Small().fgan("total-variation"); }},
    {"ddgm", [] { return Small().ddgm(); }},
    {"unrolled", [] { return Small().unrolled(); }},
    {"veegan", [] { return Small().veegan(); }},
};

/// Data around (1.5, -1), deviation 0.3.
Batches data(Noise& noise) {
  return [&noise] {
    const Tensor centre = Tensor::from_host({2}, std::vector<real>{1.5f, -1});
    return centre + 0.3f * noise.normal({64, 2});
  };
}

/// How far the mean of what a system generates is from the data's.
double distance_of_means(const System& system) {
  Noise noise(2, "evaluation");
  const auto got = (sum_to(system.sample(noise), {1, 2}) / 256).to_host();
  return std::hypot(got[0] - 1.5, got[1] + 1);
}

class Adversaries : public testing::TestWithParam<Case> {};

/// The two players circle around the data rather than settle, so what counts is how near they come.
TEST_P(Adversaries, BringTheGeneratorToTheData) {
  const System system = GetParam().make();
  Noise noise(1, "data");
  const double before = distance_of_means(system);
  double nearest = before;
  for (int i = 1; i <= 200; ++i) {
    system.step(data(noise));
    if (i % 10 == 0) nearest = std::min(nearest, distance_of_means(system));
  }
  EXPECT_LT(nearest, before / 4);
}

TEST_P(Adversaries, ReportFiniteScalars) {
  const System system = GetParam().make();
  Noise noise(1, "data");
  system.step(data(noise));
  const Metrics metrics = system.step(data(noise));
  EXPECT_GE(metrics.size(), 2u);
  for (const Metric& m : metrics) EXPECT_TRUE(std::isfinite(m.value.item())) << m.name;
}

TEST_P(Adversaries, GoOnFromACheckpointWithTheSameBits) {
  System system = GetParam().make(), restored = GetParam().make();
  Noise noise(1, "data"), same(1, "data");
  for (int i = 0; i < 3; ++i) system.step(data(noise));
  io::restore(entries(restored), io::state_of(entries(system)));
  same.set_step(noise.step());
  for (int i = 0; i < 3; ++i) system.step(data(noise)), restored.step(data(same));

  const io::StateDict a = io::state_of(entries(system)), b = io::state_of(entries(restored));
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) EXPECT_EQ(tensor.to_host(), b.tensors.at(name).to_host()) << name;
}

TEST_P(Adversaries, GiveTheSameBitsOnAnyNumberOfThreads) {
  const auto trained = [](int threads) {
    set_threads(threads);
    System system = GetParam().make();
    Noise noise(1, "data");
    for (int i = 0; i < 3; ++i) system.step(data(noise));
    std::vector<real> all;
    for (const Visitor::Entry& e : entries(system))
      if (e.tensor)
        for (const real value : e.tensor->to_host()) all.push_back(value);
    return all;
  };
  EXPECT_TRUE(same_bits(trained(1), trained(2)));
}

INSTANTIATE_TEST_SUITE_P(Systems, Adversaries, testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- The game

/// Steps of the critic alone lower its loss, and leave the generator as it is.
TEST(Adversarial, TheCriticLearnsWhileTheGeneratorRests) {
  Small small;
  Gan gan(small.generator, small.critic, {.discriminator_adam = small.adam}, small.latent);
  Noise noise(1, "data");
  const Batches next = data(noise);
  const auto before = params(small.generator)[0].to_host();
  const double loss = gan.step_critic(next())[0].value.item();
  for (int i = 0; i < 50; ++i) gan.step_critic(next());
  EXPECT_LT(gan.step_critic(next())[0].value.item(), loss / 2);
  EXPECT_EQ(params(small.generator)[0].to_host(), before);
}

TEST(Adversarial, TheBoundOfAnFGanRises) {
  for (const Divergence& f : divergences()) {
    Small small;
    Fgan fgan(small.generator, small.critic, {.divergence = f.name, .critic_adam{.rate = 2e-3f}}, small.latent);
    Noise noise(1, "data");
    const Batches next = data(noise);
    const double first = fgan.step_critic(next())[0].value.item();
    for (int i = 0; i < 50; ++i) fgan.step_critic(next());
    EXPECT_GT(fgan.step_critic(next())[0].value.item(), first) << f.name;
  }
}

/// The critic's rate keeps its ratio to the generator's: here it is ten times as large.
TEST(Adversarial, RatesKeepTheirRatio) {
  Small small;
  Sequential &g = small.generator, &d = small.critic;
  Gan gan(g, d, {.generator_adam{.rate = 1e-3f, .beta1 = 0}, .discriminator_adam{.rate = 1e-2f, .beta1 = 0}},
          small.latent);
  gan.set_rate(1e-4f);
  const auto largest_move = [](const std::vector<real>& before, const std::vector<real>& after) {
    double largest = 0;
    for (size_t i = 0; i < before.size(); ++i) largest = std::max(largest, double(std::abs(after[i] - before[i])));
    return largest;
  };
  const auto g_before = params(g)[0].to_host(), d_before = params(d)[0].to_host();
  Noise noise(1, "data");
  gan.step(data(noise));
  // Adam's first step is the rate.
  EXPECT_NEAR(largest_move(g_before, params(g)[0].to_host()), 1e-4, 1e-6);
  EXPECT_NEAR(largest_move(d_before, params(d)[0].to_host()), 1e-3, 1e-5);
}

TEST(Adversarial, PriorsAreNormalOrUniform) {
  Small small;
  Noise noise(1, "prior");
  const Sequential g = mlp({2, 32, 2}, noise, {.batch_norm = true});
  Ddgm ddgm(g, small.experts(), {}, small.latent);
  Gan gan(small.generator, small.critic, {}, small.latent);
  double largest = 0, beyond = 0;
  for (const real z : ddgm.prior(1000, noise).to_host()) largest = std::max(largest, double(std::abs(z)));
  for (const real z : gan.prior(1000, noise).to_host()) beyond += std::abs(z) > 1;
  EXPECT_LE(largest, 1);
  EXPECT_GT(largest, 0.99);
  // A normal law has 0.3173 of itself beyond one; 4.5 standard errors.
  EXPECT_NEAR(beyond / 2000, 0.3173, 4.5 * std::sqrt(0.3173 * 0.6827 / 2000));
}

TEST(Adversarial, RefusesWhatMakesNoSense) {
  Small small;
  const auto message = [](const auto& build) -> std::string {
    try {
      build();
    } catch (const std::invalid_argument& error) { return error.what(); }
    return "nothing was thrown";
  };
  const auto fresh = [&] { return mlp({2, 3, 2}, small.noise); };
  EXPECT_THAT(message([&] { Gan(fresh(), fresh(), {.discriminator_steps = 0}, small.latent); }),
              testing::HasSubstr("critic_steps must be at least 1, got 0"));
  EXPECT_THAT(message([&] { Wgan(fresh(), fresh(), {.clip = 0}, small.latent); }),
              testing::HasSubstr("[wgan] clip must be positive"));
  EXPECT_THAT(message([&] { Fgan(fresh(), fresh(), {.divergence = "chi"}, small.latent); }),
              testing::HasSubstr("unknown divergence 'chi'"));
  EXPECT_THAT(message([&] { Ddgm(fresh(), small.experts(), {}, small.latent); }),
              testing::HasSubstr("[ddgm] the generator has no batch norm"));
  EXPECT_THAT(message([&] { ProductOfExperts(fresh(), Linear(2, 2, small.noise), 2, 0); }),
              testing::HasSubstr("variance must be positive"));
}

}  // namespace
}  // namespace erg::test
