// Optimisers against plain loops in double, and the arena that parameters move into.
#include "engine/optim.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "engine/ops.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "models/nets.h"

namespace erg::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Odd sizes, so that slices of the arena begin anywhere; more of them than one launch's table holds (64).
std::vector<Tensor> some_parameters(Noise& noise, int count = 70) {
  std::vector<Tensor> parameters;
  for (int i = 0; i < count; ++i) parameters.push_back(noise.normal({1 + i % 3, 1 + (7 * i) % 11}));
  return parameters;
}

std::vector<Tensor> like(const std::vector<Tensor>& parameters, Noise& noise) {
  std::vector<Tensor> gradients;
  for (const Tensor& p : parameters) gradients.push_back(noise.normal(p.shape()));
  return gradients;
}

using Vector = std::vector<double>;
Vector flat(const std::vector<Tensor>& tensors) {
  Vector all;
  for (const Tensor& t : tensors)
    for (const real value : t.to_host()) all.push_back(double(value));
  return all;
}

void expect_near(const std::vector<Tensor>& got, const Vector& expected, double tolerance) {
  const Vector values = flat(got);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
}

/// Runs `steps` steps of the optimiser, and update(t, p, g, state...) on each element in double.
template <class Optimiser, class Update>
void expect_same_path(const std::vector<Tensor>& parameters, Optimiser& optimiser, const Update& update,
                      int steps = 20) {
  Noise noise(2, "gradients");
  Vector p = flat(parameters), first(p.size()), second(p.size());
  for (int t = 1; t <= steps; ++t) {
    const auto gradients = like(parameters, noise);
    optimiser.step(gradients);
    const Vector g = flat(gradients);
    for (size_t i = 0; i < p.size(); ++i) update(t, p[i], g[i], first[i], second[i]);
    expect_near(parameters, p, 1e-5);
  }
}

TEST(Optimisers, AdamFollowsAPlainLoop) {
  Noise noise(1, "test");
  const auto parameters = some_parameters(noise);
  Adam adam(parameters, {.rate = real(0.01), .beta1 = real(0.5), .beta2 = real(0.9), .epsilon = real(1e-8)});
  expect_same_path(parameters, adam, [](int t, double& p, double g, double& m, double& v) {
    m = 0.5 * m + 0.5 * g;
    v = 0.9 * v + 0.1 * g * g;
    p -= 0.01 * (m / (1 - std::pow(0.5, t))) / (std::sqrt(v / (1 - std::pow(0.9, t))) + 1e-8);
  });
}

/// Du & Mordatch 2019, their code: the bound is of the second moment before the step, corrected as after it.
TEST(Optimisers, AdamClipsElementsByTheirHistory) {
  Noise noise(1, "test");
  const auto parameters = some_parameters(noise);
  Adam adam(parameters, {.rate = real(0.01), .beta1 = real(0.5), .beta2 = real(0.9), .clip = real(0.5)});
  int clipped = 0;
  expect_same_path(parameters, adam, [&](int t, double& p, double g, double& m, double& v) {
    const double correction = 1 - std::pow(0.9, t), bound = 0.5 * std::sqrt(v / correction) + 0.1;
    clipped += std::abs(g) > bound;
    g = std::clamp(g, -bound, bound);
    m = 0.5 * m + 0.5 * g;
    v = 0.9 * v + 0.1 * g * g;
    p -= 0.01 * (m / (1 - std::pow(0.5, t))) / (std::sqrt(v / correction) + 1e-8);
  });
  EXPECT_GT(clipped, 0);
}

TEST(Optimisers, SgdFollowsAPlainLoop) {
  Noise noise(1, "test");
  const auto parameters = some_parameters(noise);
  Sgd sgd(parameters, {.rate = real(0.1), .momentum = real(0.9)});
  expect_same_path(parameters, sgd, [](int, double& p, double g, double& velocity, double&) {
    velocity = 0.9 * velocity + g;
    p -= 0.1 * velocity;
  });
}

TEST(Optimisers, RmsPropFollowsAPlainLoop) {
  Noise noise(1, "test");
  const auto parameters = some_parameters(noise);
  RmsProp rms(parameters, {.rate = real(0.01), .decay = real(0.9), .epsilon = real(1e-10)});
  expect_same_path(parameters, rms, [](int, double& p, double g, double& v, double&) {
    v = 0.9 * v + 0.1 * g * g;
    p -= 0.01 * g / (std::sqrt(v) + 1e-10);
  });
}

TEST(Optimisers, TheRateCanChange) {
  const Tensor p = Tensor::ones({2});
  Sgd sgd({p}, {.rate = 1});
  sgd.set_rate(real(0.5));
  sgd.step(std::vector{Tensor::ones({2})});
  EXPECT_THAT(p.to_host(), ElementsAre(0.5, 0.5));
}

TEST(Optimisers, RmsPropClipsParameters) {
  const Tensor p = Tensor::from_host({3}, std::vector<real>{-1, real(0.005), 1}), q = Tensor::full({2}, 3);
  RmsProp rms({p, q}, {});
  rms.clip_params(real(0.01));
  EXPECT_THAT(p.to_host(), ElementsAre(-0.01f, 0.005f, 0.01f));
  EXPECT_THAT(q.to_host(), ElementsAre(0.01f, 0.01f));
}

TEST(Optimisers, AdamFindsAMinimum) {
  Noise noise(3, "test");
  const Tensor target = noise.normal({3, 5}), p = Tensor::zeros({3, 5});
  Adam adam({p}, {.rate = real(0.05)});
  for (int i = 0; i < 1000; ++i) {
    Tape tape;
    tape.watch(p);
    adam.step(tape.grad(sum(square(p - target)), {p}));
  }
  EXPECT_LT(sum(square(p - target)).item(), 1e-6);
}

/// What a checkpoint holds is all there is: moments and the step count.
TEST(Optimisers, StateSurvivesACopy) {
  Noise noise(4, "test");
  const auto continued = some_parameters(noise, 5);
  Adam original(continued, {});
  for (int i = 0; i < 3; ++i) original.step(like(continued, noise));

  std::vector<Tensor> restored;
  for (const Tensor& p : continued) restored.push_back(p.clone());
  Adam copy(restored, {});
  auto from = entries(original), to = entries(copy);
  ASSERT_EQ(from.size(), to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].name, to[i].name);
    if (from[i].tensor)
      to[i].tensor->copy_(*from[i].tensor);
    else
      to[i].write(from[i].read());
  }
  for (int i = 0; i < 3; ++i) {
    const auto gradients = like(continued, noise);
    original.step(gradients);
    copy.step(gradients);
    EXPECT_EQ(flat(continued), flat(restored));
  }
}

// ---- The arena

TEST(Arena, MovesParametersAndEveryHandleFollows) {
  Noise noise(5, "test");
  Sequential net = mlp({3, 5, 2}, noise);
  const auto handles = params(net);
  const Vector before = flat(handles);
  const Tensor x = noise.normal({4, 3});
  const auto y = net(x, Mode::train).to_host();
  Sequential copy = net;
  Sgd sgd(params(net), {.rate = 1});
  EXPECT_EQ(flat(handles), before) << "moving changes no value";
  EXPECT_EQ(net(x, Mode::train).to_host(), y);
  for (size_t i = 0; i + 1 < handles.size(); ++i) {
    const int64_t distance = handles[i + 1].data() - handles[i].data();
    EXPECT_EQ(distance % Arena::alignment, 0);
    EXPECT_GE(distance, handles[i].size());
    EXPECT_LT(distance, handles[i].size() + Arena::alignment);
  }

  sgd.step(like(handles, noise));
  EXPECT_NE(flat(handles), before);
  EXPECT_EQ(flat(params(net)), flat(handles));
  EXPECT_EQ(flat(params(copy)), flat(handles));
}

TEST(Arena, OutlivesItsOptimiser) {
  const Tensor p = Tensor::full({100}, 3);
  { Sgd sgd({p}, {}); }
  const Tensor other = Tensor::zeros({100});
  EXPECT_THAT(p.to_host(), testing::Each(3));
}

TEST(Arena, AStepCountsAsAMutationOfEachParameter) {
  const Tensor p = Tensor::ones({2}), q = Tensor::ones({3});
  Sgd sgd({p, q}, {});
  const uint32_t p_version = p.version(), q_version = q.version();
  sgd.step(std::vector{Tensor::ones({2}), Tensor::ones({3})});
  EXPECT_GT(p.version(), p_version);
  EXPECT_GT(q.version(), q_version);
}

TEST(Arena, RefusesWrongGradientsBeforeAnythingChanges) {
  const Tensor p = Tensor::ones({2}), q = Tensor::ones({3});
  Adam adam({p, q}, {});
  const auto untouched = [&] {
    EXPECT_THAT(p.to_host(), ElementsAre(1, 1));
    EXPECT_THAT(q.to_host(), ElementsAre(1, 1, 1));
    for (const auto& entry : entries(adam)) {
      if (entry.tensor) {
        EXPECT_THAT(entry.tensor->to_host(), testing::Each(0)) << entry.name;
      } else {
        EXPECT_EQ(entry.read(), 0u) << entry.name;
      }
    }
  };
  EXPECT_THAT([&] { adam.step(std::vector{Tensor::ones({2})}); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("2 parameters"), HasSubstr("1 gradients"))));
  untouched();
  EXPECT_THAT(
      [&] {
        adam.step(std::vector{Tensor::ones({2}), Tensor::ones({1, 3})});
      },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[3]"), HasSubstr("[1,3]"))));
  untouched();
}

TEST(Arena, BelongsToOneOptimiser) {
  const Tensor p = Tensor::ones({2}), q = Tensor::ones({3});
  Sgd sgd({p}, {});
  const real* place = p.data();
  EXPECT_THAT(
      [&] {
        Adam adam({q, p}, {});
      },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[2]"), HasSubstr("another optimiser"))));
  EXPECT_EQ(p.data(), place);
  EXPECT_FALSE(q.storage()->is_slice()) << "a refused optimiser must not take anything";
}

TEST(Arena, RefusesAParameterGivenTwiceAndNone) {
  const Tensor p = Tensor::ones({2});
  EXPECT_THAT(
      [&] {
        Sgd sgd({p, p}, {});
      },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[2]"), HasSubstr("twice"))));
  EXPECT_FALSE(p.storage()->is_slice());
  EXPECT_THROW(Sgd({}, {}), std::invalid_argument);
}

// ---- Averages of weights

TEST(UpdateAverage, MovesTowardsTheParameters) {
  std::vector<Tensor> average{Tensor::zeros({2}), Tensor::full({1, 3}, 4)};
  const std::vector<Tensor> parameters{Tensor::ones({2}), Tensor::full({1, 3}, 8)};
  update_average(average, parameters, real(0.75));
  EXPECT_THAT(average[0].to_host(), ElementsAre(0.25, 0.25));
  EXPECT_THAT(average[1].to_host(), ElementsAre(5, 5, 5));
}

TEST(UpdateAverage, RefusesWhatDoesNotMatch) {
  std::vector<Tensor> average{Tensor::zeros({2})};
  EXPECT_THROW(update_average(average, std::vector{Tensor::ones({2}), Tensor::ones({2})}, real(0.5)),
               std::invalid_argument);
  EXPECT_THAT([&] { update_average(average, std::vector{Tensor::ones({3})}, real(0.5)); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[2]"), HasSubstr("[3]"))));
}

}  // namespace
}  // namespace erg::test
