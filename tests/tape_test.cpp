// The tape: what is recorded, what a sweep keeps, and what it refuses.
#include "engine/tape.h"

#include <gmock/gmock.h>

#include "engine/nn.h"
#include "engine/ops.h"
#include "engine/optim.h"
#include "engine/random.h"
#include "models/nets.h"
#include "models/wgan_gp.h"

namespace erg::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Tensor vector(std::initializer_list<real> values) {
  return Tensor::from_host({int64_t(values.size())}, std::vector<real>(values));
}

// ---- Recording

TEST(Tape, GivesTheGradientOfWhatIsWatched) {
  const Tensor x = vector({1, 2, 3}), w = vector({4, 5, 6});
  Tape tape;
  tape.watch(w);
  const std::vector<Tensor> g = tape.grad(sum(square(w) * x), {w});
  EXPECT_THAT(g[0].to_host(), ElementsAre(8, 20, 36));
}

TEST(Tape, RecordsNothingOfUnwatchedInputs) {
  const Tensor x = vector({1, 2, 3});
  Tape tape;
  square(x) + exp(x);
  EXPECT_EQ(tape.size(), 0u);
  tape.watch(x);
  EXPECT_EQ(tape.size(), 1u);
  square(x);
  EXPECT_EQ(tape.size(), 2u);
}

TEST(Tape, WatchesOnce) {
  const Tensor x = vector({1});
  Tape tape;
  tape.watch(x);
  tape.watch(x);
  EXPECT_EQ(tape.size(), 1u);
  const Tensor y = square(x);
  tape.watch(y);  // recorded already: stays the result of square
  EXPECT_EQ(tape.size(), 2u);
  EXPECT_THAT(tape.grad(sum(y), {x})[0].to_host(), ElementsAre(2));
}

TEST(Tape, GivesTheGradientOfAnIntermediateResult) {
  const Tensor x = vector({1, 2});
  Tape tape;
  tape.watch(x);
  const Tensor y = square(x);
  const auto g = tape.grad(sum(y * y), {y, x});
  EXPECT_THAT(g[0].to_host(), ElementsAre(2, 8));
  EXPECT_THAT(g[1].to_host(), ElementsAre(4, 32));
}

TEST(Tape, GivesOnesForTheOutputItself) {
  const Tensor x = Tensor::full({}, 3);
  Tape tape;
  tape.watch(x);
  EXPECT_EQ(tape.grad(x, {x})[0].item(), 1);
}

TEST(Tape, GivesZerosWhereTheOutputDoesNotDepend) {
  const Tensor x = vector({1, 2}), z = Tensor::ones({2, 2});
  Tape tape;
  tape.watch(x);
  tape.watch(z);
  const auto g = tape.grad(sum(square(x)), {z, x});
  EXPECT_EQ(g[0].shape(), z.shape());
  EXPECT_THAT(g[0].to_host(), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(g[1].to_host(), ElementsAre(2, 4));
  EXPECT_THAT(tape.grad(Tensor::ones({}), {x})[0].to_host(), ElementsAre(0, 0)) << "a constant";
}

TEST(Tape, TakesOneNumberOfAnyRank) {
  const Tensor x = Tensor::full({1, 1}, 3);
  Tape tape;
  tape.watch(x);
  EXPECT_THAT(tape.grad(square(x), {x})[0].to_host(), ElementsAre(6));
}

TEST(Tape, SamplingRecordsNoGradientsOfWeights) {
  Noise noise(1, "test");
  Sequential net = mlp({3, 4, 1}, noise);
  const Tensor x = noise.normal({2, 3});
  Tape sampling;
  sampling.watch(x);
  const Tensor y = sum(net(x, Mode::eval));
  // x, and for each layer matmul and bias, with relu between, and sum.
  EXPECT_EQ(sampling.size(), 1u + 2 + 1 + 2 + 1);
  const size_t before = sampling.size();
  sampling.grad(y, {x}, Keep::graph);
  // The recorded sweep: broadcast's and the bias' cotangents pass through; only relu's product depends on nothing but
  // constants, so nothing at all is recorded.
  EXPECT_EQ(sampling.size(), before);
}

TEST(Pause, StopsRecording) {
  const Tensor x = vector({1});
  Tape tape;
  tape.watch(x);
  {
    const Pause pause;
    EXPECT_EQ(Tape::recording(), nullptr);
    square(x);
    EXPECT_EQ(tape.size(), 1u);
  }
  EXPECT_EQ(Tape::recording(), &tape);
  square(x);
  EXPECT_EQ(tape.size(), 2u);
}

// ---- Nested and dead tapes

TEST(NestedTapes, TheInnermostRecords) {
  const Tensor x = vector({3});
  Tape outer;
  outer.watch(x);
  {
    Tape inner;
    inner.watch(x);
    EXPECT_TRUE(inner.knows(x));
    EXPECT_FALSE(outer.knows(x));
    const Tensor y = sum(square(x));
    EXPECT_EQ(outer.size(), 1u);
    EXPECT_THAT(inner.grad(y, {x})[0].to_host(), ElementsAre(6));
  }
  EXPECT_EQ(Tape::recording(), &outer);
  EXPECT_TRUE(outer.knows(x)) << "the inner tape must give its leaf back";
  EXPECT_THAT(outer.grad(sum(square(x) * 2), {x})[0].to_host(), ElementsAre(12));
}

TEST(NestedTapes, AnIntermediateResultOfTheOuterTapeComesBack) {
  const Tensor x = vector({3});
  Tape outer;
  outer.watch(x);
  const Tensor y = square(x);
  {
    Tape inner;
    inner.watch(y);
    EXPECT_THAT(inner.grad(sum(square(y)), {y})[0].to_host(), ElementsAre(18));
  }
  EXPECT_THAT(outer.grad(sum(y), {x})[0].to_host(), ElementsAre(6));
}

TEST(NestedTapes, AreRestoredWhenAnExceptionFlies) {
  const Tensor x = vector({3});
  Tape outer;
  outer.watch(x);
  EXPECT_THROW(
      {
        Tape inner;
        inner.watch(x);
        matmul(x, x);
      },
      std::invalid_argument);
  EXPECT_EQ(Tape::recording(), &outer);
  EXPECT_TRUE(outer.knows(x));
}

TEST(DeadTapes, LeaveConstantsBehind) {
  const Tensor x = vector({3});
  Tensor y;
  {
    Tape tape;
    tape.watch(x);
    y = square(x);
  }
  Tape tape;
  EXPECT_FALSE(tape.knows(x));
  EXPECT_FALSE(tape.knows(y));
  tape.watch(x);
  EXPECT_THAT(tape.grad(sum(x * y), {x})[0].to_host(), ElementsAre(9)) << "y is a constant here";
}

// ---- Keep

TEST(Keep, NothingReleasesTheNodes) {
  const Tensor x = vector({3});
  Tape tape;
  tape.watch(x);
  const Tensor y = sum(square(x));
  tape.grad(y, {x});
  EXPECT_THAT([&] { tape.grad(y, {x}); }, ThrowsMessage<std::logic_error>(AllOf(
                                              HasSubstr("released by an earlier gradient"), HasSubstr("Keep::tape"))));
}

TEST(Keep, NothingReleasesOnlyWhatTheSweepPassed) {
  const Tensor x = vector({3}), w = vector({2});
  Tape tape;
  tape.watch(x);
  tape.watch(w);
  const Tensor shared = square(x), other = sum(w * w);
  tape.grad(sum(shared), {x});
  EXPECT_THAT(tape.grad(other, {w})[0].to_host(), ElementsAre(4));
  EXPECT_THAT([&] { tape.grad(sum(shared * w), {x}); }, ThrowsMessage<std::logic_error>(HasSubstr("'square'")));
}

TEST(Keep, TapeAllowsAnotherGradient) {
  const Tensor x = vector({3});
  Tape tape;
  tape.watch(x);
  const Tensor y = sum(square(x));
  const size_t nodes = tape.size();
  const Tensor first = tape.grad(y, {x}, Keep::tape)[0];
  EXPECT_EQ(tape.size(), nodes) << "the sweep itself is not recorded";
  EXPECT_FALSE(tape.knows(first));
  EXPECT_EQ(tape.grad(y, {x})[0].to_host(), first.to_host());
}

TEST(Keep, GraphRecordsTheSweep) {
  const Tensor x = vector({3});
  Tape tape;
  tape.watch(x);
  const Tensor g = tape.grad(sum(x * x * x), {x}, Keep::graph)[0];
  EXPECT_TRUE(tape.knows(g));
  EXPECT_THAT(g.to_host(), ElementsAre(27));
  const Tensor h = tape.grad(sum(g), {x}, Keep::graph)[0];
  EXPECT_THAT(h.to_host(), ElementsAre(18));
  EXPECT_THAT(tape.grad(sum(h), {x})[0].to_host(), ElementsAre(6));
}

TEST(Keep, GraphRecordsOnItsOwnTapeAlthoughAnotherIsInnermost) {
  const Tensor x = vector({3});
  Tape outer;
  outer.watch(x);
  const Tensor y = sum(x * x * x);
  Tensor g;
  {
    Tape inner;
    g = outer.grad(y, {x}, Keep::graph)[0];
    EXPECT_EQ(Tape::recording(), &inner);
    EXPECT_EQ(inner.size(), 0u);
  }
  EXPECT_THAT(outer.grad(sum(g), {x})[0].to_host(), ElementsAre(18));
}

// ---- Refusals

TEST(TapeErrors, UnknownInput) {
  const Tensor x = vector({1}), z = Tensor::ones({2, 5});
  Tape tape;
  tape.watch(x);
  EXPECT_THAT(
      [&] {
        tape.grad(sum(x), {x, z});
      },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[grad]"), HasSubstr("[2,5]"), HasSubstr("watch"))));
}

TEST(TapeErrors, NotAScalar) {
  const Tensor x = Tensor::ones({2, 3});
  Tape tape;
  tape.watch(x);
  EXPECT_THAT([&] { tape.grad(square(x), {x}); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("[grad]"), HasSubstr("[2,3]"))));
}

TEST(TapeErrors, ThirdDerivativeOfAnElementwiseOperation) {
  const Tensor x = vector({real(0.5)});
  Tape tape;
  tape.watch(x);
  const Tensor g = tape.grad(sum(tanh(x)), {x}, Keep::graph)[0];
  const Tensor h = tape.grad(sum(g), {x}, Keep::graph)[0];
  const real t = std::tanh(real(0.5));
  EXPECT_NEAR(h.item(), -2 * t * (1 - t * t), 1e-6);
  EXPECT_THAT([&] { tape.grad(sum(h), {x}); },
              ThrowsMessage<std::logic_error>(AllOf(HasSubstr("[tanh]"), HasSubstr("third derivatives"))));
  EXPECT_EQ(Tape::recording(), &tape) << "a failed sweep must leave the tape recording";
}

TEST(TapeErrors, ChangeInPlaceBetweenForwardAndGradient) {
  Tensor x = vector({1, 2}), w = vector({3, 4});
  Tape tape;
  tape.watch(w);
  const Tensor linear = sum(w + x), product = sum(w * x), root = sum(sqrt(w));
  x.copy_(vector({5, 6}));
  EXPECT_THAT(tape.grad(linear, {w}, Keep::tape)[0].to_host(), ElementsAre(1, 1)) << "a sum needs no values";
  EXPECT_THAT(
      [&] { tape.grad(product, {w}, Keep::tape); },
      ThrowsMessage<std::logic_error>(AllOf(HasSubstr("[mul]"), HasSubstr("[2]"), HasSubstr("changed in place"))));
  w.copy_(vector({5, 6}));
  EXPECT_NO_THROW(tape.grad(root, {w}, Keep::tape)) << "the derivative of a root needs its result only";
}

/// The classic bug: D is stepped between G's forward pass and G's gradient.
TEST(TapeErrors, SteppingTheDiscriminatorUnderTheGenerator) {
  Noise noise(2, "test");
  Sequential g = mlp({2, 4, 2}, noise), d = mlp({2, 4, 1}, noise, {.hidden{Activation::Kind::leaky_relu}});
  const auto d_params = params(d), g_params = params(g);
  Adam adam(d_params, {});
  const Tensor z = noise.normal({3, 2});

  Tape tape;
  tape.watch(g_params);
  const Tensor loss = mean(d(g(z, Mode::train), Mode::train));
  {
    Tape other;
    other.watch(d_params);
    adam.step(other.grad(mean(d(z, Mode::train)), d_params));
  }
  EXPECT_THAT(
      [&] { tape.grad(loss, g_params); },
      ThrowsMessage<std::logic_error>(AllOf(HasSubstr("[matmul]"), HasSubstr("[4,1]"), HasSubstr("changed in place"))));
}

// ---- Double backward

TEST(DoubleBackward, RecordsNoZeroBranches) {
  Noise noise(3, "test");
  const Tensor w1 = noise.normal({2, 4}), w2 = noise.normal({4, 1}), x = noise.normal({3, 2});
  Tape tape;
  tape.watch(w1);
  tape.watch(w2);
  tape.watch(x);
  const Tensor y = sum(matmul(leaky_relu(matmul(x, w1), real(0.2)), w2));
  EXPECT_EQ(tape.size(), 3u + 4);  // the leaves; matmul, leaky_relu, matmul, sum
  const Tensor g = tape.grad(y, {x}, Keep::graph)[0];
  // g W2^T, times the mask, times W1^T: the mask is a constant, sum's cotangent too.
  EXPECT_EQ(tape.size(), 7u + 3);
  const auto second = tape.grad(sum(square(g)), {x, w1, w2});
  EXPECT_THAT(second[0].to_host(), testing::Each(0)) << "piecewise linear in x";
  EXPECT_THAT(second[1].to_host(), testing::Contains(testing::Ne(0)));
  EXPECT_THAT(second[2].to_host(), testing::Contains(testing::Ne(0)));
}

TEST(DoubleBackward, OfSmoothActivationsFollowsTheirSlope) {
  const Tensor x = vector({real(0.5), -1});
  Tape tape;
  tape.watch(x);
  const Tensor y = sum(tanh(x));
  const size_t before = tape.size();
  tape.grad(y, {x}, Keep::graph);
  EXPECT_EQ(tape.size(), before + 1) << "one product of the cotangent and the slope";
}

}  // namespace
}  // namespace erg::test
