// A replayed graph gives the bits of the same work done step by step, with fresh noise each time.
#include "engine/graph.h"

#include <gtest/gtest.h>

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

TEST(Graph, AReplayedChainIsTheEagerChain) {
  Noise eager_noise(1, "chain"), graph_noise(1, "chain");
  Tensor eager = Tensor::zeros({7, 3}), replayed = Tensor::zeros({7, 3});
  for (int i = 0; i < 10; ++i) step(eager, eager_noise);

  const Graph graph = Graph::record(stream_of(replayed), [&] { step(replayed, graph_noise); });
  const std::vector<real> after_one = replayed.to_host();
  for (int i = 1; i < 10; ++i) graph.replay();
  EXPECT_EQ(eager.to_host(), replayed.to_host());
  EXPECT_NE(after_one, replayed.to_host());
  EXPECT_EQ(graph_noise.step(), 10u);
}

}  // namespace
}  // namespace erg
