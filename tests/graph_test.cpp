// A replayed graph gives the bits of the same work done step by step, with fresh noise each time.
#include "engine/graph.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/device.h"
#include "engine/energy.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "kernels/update.h"

namespace erg {
namespace {

/// One Langevin step on a double well, in place.
void step(Tensor& x, Noise& noise) {
  const Energy well = [](const Tensor& t) { return sum_per_sample(square(square(t) - 1)); };
  const kernels::LangevinUpdate update{real(0.01), real(0.1), -3, 3, 10};
  const Tensor gradient = energy_and_gradient(well, x).gradient;
  kernels::langevin_(stream_of(x), update, noise.key(), x.size(), gradient.data(), x.mutate());
  noise.advance();
}

/// On each device there is.
class GraphOn : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("cuda") && cuda_devices() == 0) GTEST_SKIP() << "no CUDA device: " << why_no_cuda();
    device_ = device_named(GetParam());
  }
  Device device_;
};

TEST_P(GraphOn, AReplayedChainIsTheEagerChain) {
  Noise eager_noise(1, "chain", device_), graph_noise(1, "chain", device_);
  Tensor eager = Tensor::zeros({7, 3}, device_), replayed = Tensor::zeros({7, 3}, device_);
  for (int i = 0; i < 10; ++i) step(eager, eager_noise);

  const Graph graph = Graph::record(stream_of(replayed), [&] { step(replayed, graph_noise); });
  EXPECT_EQ(graph.captured(), device_.kind == Device::Kind::cuda);
  const std::vector<real> after_one = replayed.to_host();
  for (int i = 1; i < 10; ++i) graph.replay();
  EXPECT_EQ(eager.to_host(), replayed.to_host());
  EXPECT_NE(after_one, replayed.to_host());
  EXPECT_EQ(graph_noise.step(), 10u);
}

TEST_P(GraphOn, ItsMemoryIsItsOwn) {
  Noise noise(1, "chain", device_);
  Tensor x = Tensor::zeros({64}, device_);
  const Graph graph = Graph::record(stream_of(x), [&] { x.copy_(x * 2 + 1); });
  // As large as the graph's temporaries, and made after them: replays must not write here.
  std::vector<Tensor> others;
  for (int i = 0; i < 8; ++i) others.push_back(Tensor::full({64}, 5, device_));
  graph.replay();
  for (const Tensor& other : others) EXPECT_EQ(other.to_host(), std::vector<real>(64, 5));
  EXPECT_EQ(x.to_host(), std::vector<real>(64, 3));
}

TEST_P(GraphOn, SwitchedOffItCallsTheBody) {
  Graph::enable(false);
  Tensor x = Tensor::zeros({3}, device_);
  int calls = 0;
  const Graph graph = Graph::record(stream_of(x), [&] { x.copy_(x + 1), ++calls; });
  graph.replay();
  Graph::enable(true);
  EXPECT_FALSE(graph.captured());
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(x.to_host(), std::vector<real>(3, 2));
}

TEST_P(GraphOn, AHostReadCannotBeRecorded) {
  if (device_.kind == Device::Kind::cpu) GTEST_SKIP() << "a replay on the CPU calls the body: it may read";
  Tensor x = Tensor::ones({3}, device_);
  try {
    Graph::record(stream_of(x), [&] { x.to_host(); });
    FAIL() << "a read was recorded";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("[graph] the host reads values"), std::string::npos) << error.what();
  }
  EXPECT_EQ((x + 1).to_host(), std::vector<real>(3, 2)) << "the stream works on after a failed recording";
}

INSTANTIATE_TEST_SUITE_P(Devices, GraphOn, testing::Values("cpu", "cuda"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace erg
