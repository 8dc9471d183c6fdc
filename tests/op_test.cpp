// Every row of the op table in float: the table is complete, outputs are written in full, the instruction sets agree,
// threads change nothing, launches are traced.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <regex>
#include <set>

#include "engine/tape.h"
#include "kernel_runs.h"
#include "kernels/kernel.h"
#include "op_cases.h"

namespace erg::test {
namespace {

// ---- No row, no op

std::set<std::string> ops_with_rows() {
  std::set<std::string> ops;
  for (const OpCase& row : op_cases()) ops.insert(row.op);
  return ops;
}

TEST(OpTable, HasARowForEveryFunctor) {
#define ERG_NAME(functor, operation, ...) #operation,
#define ERG_NAME_OF(functor) functors::functor::name,
  const char* const catalogue[] = {ERG_SMOOTH_FUNCTORS(ERG_NAME) ERG_OUTPUT_FUNCTORS(ERG_NAME)                //
                                   ERG_PARAMETRIC_FUNCTORS(ERG_NAME_OF) ERG_ARITHMETIC_FUNCTORS(ERG_NAME_OF)  //
                                   ERG_PIECEWISE_UNARY_FUNCTORS(ERG_NAME_OF)
                                       ERG_PIECEWISE_BINARY_FUNCTORS(ERG_NAME_OF)};
#undef ERG_NAME
#undef ERG_NAME_OF
  EXPECT_THAT(ops_with_rows(), testing::IsSupersetOf(catalogue));
}

TEST(OpTable, HasARowForEveryOperationOfTheHeader) {
  std::ifstream header(ERG_SOURCE_DIR "/engine/ops.h");
  ASSERT_TRUE(header) << "no engine/ops.h under " ERG_SOURCE_DIR;
  const std::regex declaration(R"(^(?:Tensor|BatchNormResult) (\w+)\()");
  std::set<std::string> declared;
  std::smatch match;
  for (std::string line; std::getline(header, line);)
    if (std::regex_search(line, match, declaration)) declared.insert(match[1]);
  EXPECT_GT(declared.size(), 20u);
  EXPECT_THAT(ops_with_rows(), testing::IsSupersetOf(declared));
}

TEST(OpTable, PricesAreSane) {
  for (const OpCase& row : op_cases()) {
    std::vector<Shape> in;
    for (const Input& input : row.inputs) in.push_back(input.shape);
    const Shape out = row.f(draw_inputs(row)).shape();
    EXPECT_GE(row.flops(in, out), 0) << row.name();
    EXPECT_GE(row.bytes(in, out), double(out.size()) * sizeof(real)) << row.name();
    const bool multiplies = row.op.starts_with("conv2d") || row.op == "matmul";
    if (multiplies && in[0].size() * in[1].size() > 0) { EXPECT_GE(row.flops(in, out), 2) << row.name(); }
  }
}

// ---- One row at a time

class Op : public testing::TestWithParam<OpCase> {
 protected:
  const OpCase row_ = GetParam();
  const Inputs x_ = draw_inputs(row_);

  /// The output and the gradients of its sum of squares.
  std::vector<std::vector<real>> output_and_gradients() const {
    Tape tape;
    tape.watch(x_);
    const Tensor y = row_.f(x_);
    std::vector<std::vector<real>> results{y.to_host()};
    for (const Tensor& g : tape.grad(sum(square(y)), x_)) results.push_back(g.to_host());
    return results;
  }
};

/// A pool whose blocks are full of NaN while this lives.
class Poison {
 public:
  Poison() { Pool::of(cpu_device).poison(true); }
  ~Poison() { Pool::of(cpu_device).poison(false); }
};

TEST_P(Op, WritesItsWholeOutput) {
  const Poison poison;
  for (const auto& values : output_and_gradients())
    for (const real value : values) ASSERT_TRUE(std::isfinite(value));
}

TEST_P(Op, LeavesItsInputsAlone) {
  std::vector<std::vector<real>> before;
  std::vector<uint32_t> versions;
  for (const Tensor& x : x_) before.push_back(x.to_host()), versions.push_back(x.version());
  output_and_gradients();
  for (size_t i = 0; i < x_.size(); ++i) {
    EXPECT_EQ(x_[i].to_host(), before[i]);
    EXPECT_EQ(x_[i].version(), versions[i]);
  }
}

TEST_P(Op, IsTheSameOnEveryInstructionSetAndThreadCount) {
  namespace cpu = kernels::cpu;
  std::vector<std::vector<real>> reference;
  const auto flatten_all = [&] {
    std::vector<real> all;
    for (const auto& values : output_and_gradients()) all.insert(all.end(), values.begin(), values.end());
    return all;
  };
  const cpu::Isa best = cpu::isa();
  on_every_isa(flatten_all, [&](const std::vector<real>& all) {
    if (reference.empty()) reference.push_back(all);
    ASSERT_EQ(all.size(), reference[0].size());
    for (size_t i = 0; i < all.size(); ++i)
      ASSERT_NEAR(all[i], reference[0][i], 1e-5 * (1 + std::abs(reference[0][i]))) << "element " << i;
  });
  cpu::set_isa(best);
}

TEST_P(Op, IsSeenByTheTrace) {
  const Launches launches;
  const Tensor y = row_.f(x_);
  EXPECT_EQ(launches.begun, launches.ended);
  EXPECT_EQ(launches.begun.empty(), y.data() == x_[0].data()) << "what launches nothing hands its input's memory on";
  if (row_.op.starts_with("conv2d") || row_.op == "batch_norm" || row_.op == "tanh") {
    EXPECT_THAT(launches.begun, testing::ElementsAre(testing::Pair(row_.op, 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Op, testing::ValuesIn(op_cases()),
                         [](const auto& info) { return identifier(info.param); });

// ---- Beyond the grain of one thread

struct LargeCase {
  const char* name;
  std::vector<Input> inputs;
  std::function<Tensor(const Inputs&)> f;
};

const LargeCase large_cases[] = {
    {"add", {{{1000, 301}}, {{1000, 301}}}, [](const Inputs& x) { return x[0] + x[1]; }},
    {"bias", {{{7000, 37}}, {{37}}}, [](const Inputs& x) { return x[0] * x[1]; }},
    {"column", {{{700, 370}}, {{700, 1}}}, [](const Inputs& x) { return x[0] / (square(x[1]) + 1); }},
    {"tanh", {{{200001}}}, [](const Inputs& x) { return tanh(x[0]); }},
    {"sum", {{{300007}}}, [](const Inputs& x) { return sum(x[0]); }},
    {"sum_of_columns", {{{7001, 33}}}, [](const Inputs& x) { return sum_to(x[0], {33}); }},
    {"sum_of_rows",
     {{{333, 701}}},
     [](const Inputs& x) {
       return sum_to(x[0], {333, 1});
     }},
    {"sum_of_middle",
     {{{30, 40, 257}}},
     [](const Inputs& x) {
       return sum_to(x[0], {30, 1, 257});
     }},
    {"matmul", {{{301, 257}}, {{257, 129}}}, [](const Inputs& x) { return matmul(x[0], x[1]); }},
    {"matmul_transposed", {{{257, 301}}, {{129, 257}}}, [](const Inputs& x) { return matmul(x[0], x[1], true, true); }},
    {"conv2d", {{{9, 17, 15, 16}}, {{3, 3, 16, 24}}}, [](const Inputs& x) { return conv2d(x[0], x[1], 1, 1); }},
    {"conv2d_dx",
     {{{9, 8, 7, 24}}, {{4, 4, 16, 24}}},
     [](const Inputs& x) { return conv2d_dx(x[0], x[1], 2, 1, 16, 14); }},
    {"conv2d_dw",
     {{{9, 16, 14, 3}}, {{9, 8, 7, 24}}},
     [](const Inputs& x) { return conv2d_dw(x[0], x[1], 2, 1, 4, 4); }},
    {"avg_pool", {{{8, 64, 64, 7}}}, [](const Inputs& x) { return avg_pool(x[0], 2); }},
    {"upsample", {{{8, 32, 32, 7}}}, [](const Inputs& x) { return upsample(x[0], 2); }},
    {"batch_norm",
     {{{20, 30, 30, 9}}, {{9}, positive}, {{9}}},
     [](const Inputs& x) { return batch_norm(x[0], x[1], x[2], real(1e-3)).y; }},
    {"layer_norm", {{{50, 30, 30, 3}}}, [](const Inputs& x) { return layer_norm(x[0], real(1e-3)); }},
    {"concat", {{{200, 301}}, {{200, 500}}}, [](const Inputs& x) { return concat(x, 1); }},
    {"permute",
     {{{20, 31, 33, 7}}},
     [](const Inputs& x) {
       return permute(x[0], {0, 3, 1, 2});
     }},
    {"pad", {{{20, 31, 33, 7}}}, [](const Inputs& x) { return pad(x[0], 2); }},
};

void PrintTo(const LargeCase& c, std::ostream* out) { *out << c.name; }

class LargeOp : public testing::TestWithParam<LargeCase> {};

TEST_P(LargeOp, ThreadsChangeNothingAndEveryElementIsWritten) {
  std::mt19937 generator(30);
  Inputs x;
  for (const Input& input : GetParam().inputs) x.push_back(draw(input, generator));
  const Poison poison;
  std::vector<real> baseline;
  const kernels::cpu::Isa best = kernels::cpu::isa();
  const auto run = [&] {
    Tape tape;
    tape.watch(x);
    const Tensor y = GetParam().f(x);
    std::vector<real> all = y.to_host();
    for (const Tensor& g : tape.grad(mean(square(y)), x)) {
      const auto values = g.to_host();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  on_every_isa(run, [&](const std::vector<real>& all) {
    if (baseline.empty()) baseline = all;
    real largest = 0;
    for (const real value : baseline) largest = std::max(largest, std::abs(value));
    ASSERT_TRUE(std::isfinite(largest));
    for (size_t i = 0; i < all.size(); ++i) ASSERT_NEAR(all[i], baseline[i], 1e-5 * largest) << "element " << i;
  });
  kernels::cpu::set_isa(best);
}

INSTANTIATE_TEST_SUITE_P(Ops, LargeOp, testing::ValuesIn(large_cases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace erg::test
