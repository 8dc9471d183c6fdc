// What an observer of the tape hears, and what a trace of the kernels says of them: together all of a training step.
#include <gmock/gmock.h>

#include "engine/nn.h"
#include "engine/ops.h"
#include "engine/tape.h"
#include "models/nets.h"
#include "op_cases.h"

namespace erg::test {
namespace {

using testing::ElementsAre;

/// Writes down what it hears.
class Listener : public TapeObserver {
 public:
  Listener() { Tape::observer = this; }
  ~Listener() override { Tape::observer = nullptr; }

  void tape(const Tape&, bool begins) override { heard.push_back(begins ? "tape" : "end of tape"); }
  void leaf(const Tape& tape, const Tensor& t) override {
    heard.push_back("leaf " + std::to_string(tape.node_of(t)) + " " + to_string(t.shape()));
  }
  void op(const char* name, const Tensor& y, std::span<const Tensor> inputs) override {
    const Tape* tape = Tape::recording();
    std::string line =
        std::string(name) + " " + std::to_string(tape ? tape->node_of(y) : -1) + " " + to_string(y.shape()) + " of";
    for (const Tensor& x : inputs) line += " " + to_string(x.shape());
    heard.push_back(line);
  }
  void save(const Tensor& t, const std::weak_ptr<const void>& kept) override { saved.emplace_back(t.shape(), kept); }
  void sweep(const Tape&, Keep, bool begins) override { heard.push_back(begins ? "sweep" : "end of sweep"); }
  void vjp(const Tape&, int node, bool begins) override {
    heard.push_back((begins ? "VJP of " : "end of VJP of ") + std::to_string(node));
  }

  /// Shapes of the values that are kept now.
  std::vector<std::string> kept() const {
    std::vector<std::string> shapes;
    for (const auto& [shape, handle] : saved)
      if (!handle.expired()) shapes.push_back(to_string(shape));
    return shapes;
  }

  std::vector<std::string> heard;
  std::vector<std::pair<Shape, std::weak_ptr<const void>>> saved;
};

TEST(TapeObserver, HearsOfOperationsRecordedOrNotAndOfTheWayBack) {
  const Tensor x = Tensor::ones({4, 2}), w = Tensor::ones({2, 3});
  Listener listener;
  {
    Tape tape;
    square(x);  // of nothing that is watched
    tape.watch(w);
    const Tensor loss = sum(matmul(x, w));
    tape.grad(loss, {w});
  }
  EXPECT_THAT(
      listener.heard,
      ElementsAre("tape", "square -1 [4,2] of [4,2]", "leaf 0 [2,3]", "matmul 1 [4,3] of [4,2] [2,3]",
                  "sum_to 2 [] of [4,3]", "sweep", "VJP of 2", "broadcast_to -1 [4,3] of []", "end of VJP of 2",
                  "VJP of 1", "matmul -1 [2,3] of [4,2] [4,3]", "end of VJP of 1", "end of sweep", "end of tape"));
}

TEST(TapeObserver, HearsOfARecordedSweepAsNodes) {
  const Tensor x = Tensor::ones({3});
  Listener listener;
  Tape tape;
  tape.watch(x);
  const Tensor loss = sum(square(x));
  listener.heard.clear();
  tape.grad(loss, {x}, Keep::graph);
  EXPECT_THAT(listener.heard, ElementsAre("sweep", "VJP of 2", "broadcast_to -1 [3] of []", "end of VJP of 2",
                                          "VJP of 1", "square 3 [3] of [3] [3]", "end of VJP of 1", "end of sweep"))
      << "the gradient that the sweep begins with is a constant, and square's derivative depends on x";
}

TEST(TapeObserver, SeesWhichValuesAreKeptAndHowLong) {
  const Tensor x = Tensor::ones({4, 2}), w = Tensor::ones({2, 3});
  Listener listener;
  Tape tape;
  tape.watch(w);
  const Tensor y = matmul(x, w);
  EXPECT_THAT(listener.kept(), ElementsAre("[4,2]")) << "x for w's gradient; nobody wants x's, so not w";
  const Tensor loss = sum(tanh(y));
  EXPECT_THAT(listener.kept(), ElementsAre("[4,2]", "[4,3]"));
  tape.grad(loss, {w}, Keep::tape);
  EXPECT_EQ(listener.kept().size(), 2u);
  tape.grad(loss, {w});
  EXPECT_THAT(listener.kept(), ElementsAre());
}

TEST(TapeObserver, SeesTheEndOfATapeThatIsNeverSwept) {
  const Tensor x = Tensor::ones({4});
  Listener listener;
  {
    Tape tape;
    tape.watch(x);
    exp(x) * x;
    EXPECT_EQ(listener.kept().size(), 3u);
  }
  EXPECT_EQ(listener.kept().size(), 0u);
}

TEST(TapeObserver, ChangesNoBits) {
  const auto gradients = [] {
    Noise noise(1, "test");
    Sequential net = mlp({2, 8, 8, 1}, noise, {.hidden = {Activation::Kind::tanh}});
    const std::vector<Tensor> weights = params(net);
    const Tensor x = noise.normal({16, 2});
    Tape tape;
    tape.watch(weights);
    tape.watch(x);
    const Tensor slope = tape.grad(sum(net(x, Mode::train)), {x}, Keep::graph)[0];
    std::vector<std::vector<real>> all;
    for (const Tensor& g : tape.grad(mean(square(slope)), weights)) all.push_back(g.to_host());
    return all;
  };
  const auto unheard = gradients();
  Listener listener;
  EXPECT_EQ(gradients(), unheard);
  EXPECT_FALSE(listener.heard.empty());
}

// ---- Launches

struct Heard {
  int launches = 0;
  double flops = 0, bytes = 0;
  const void* last_written = nullptr;
};

Heard launches_of(const std::function<Tensor()>& f, Tensor& y) {
  Heard heard;
  kernels::trace = {.call =
                        [](void* self, const kernels::Launch& launch, bool begins) {
                          if (begins) return;
                          Heard& h = *static_cast<Heard*>(self);
                          ++h.launches;
                          h.flops += launch.flops;
                          h.bytes += launch.bytes;
                          h.last_written = launch.writes.back();
                        },
                    .self = &heard};
  y = f();
  kernels::trace = {};
  return heard;
}

TEST(Launch, WritesItsResultAndMovesWhatTheOpTableSays) {
  int told = 0;
  for (const OpCase& row : op_cases()) {
    const Inputs x = draw_inputs(row);
    Tensor y;
    const Heard heard = launches_of([&] { return row.f(x); }, y);
    if (heard.launches != 1 || y.size() == 0) continue;  // views, and what is made of other operations
    // The table's price is of all that there is: these read a part, or write statistics too.
    if (row.op == "slice" || row.op == "crop" || row.op.ends_with("batch_norm")) continue;
    SCOPED_TRACE(row.name());
    EXPECT_EQ(heard.last_written, y.data());
    std::vector<Shape> shapes;
    for (const Tensor& t : x) shapes.push_back(t.shape());
    EXPECT_EQ(heard.bytes, row.bytes(shapes, y.shape()));
    if (heard.flops > 0 && row.op != "conv2d_bias") {  // whose price has the bias too
      EXPECT_EQ(heard.flops, row.flops(shapes, y.shape()));
    }
    ++told;
  }
  EXPECT_GT(told, 50);
}

}  // namespace
}  // namespace erg::test
