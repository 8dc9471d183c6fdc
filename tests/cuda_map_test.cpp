// Elementwise kernels on the device against those on the CPU: the ways in which an output is walked. That every functor
// is right is the op table's business (cuda_op_test.cpp).
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "cuda_runs.h"
#include "engine/map.h"
#include "kernels/cuda/index.cuh"
#include "op_cases.h"

namespace erg::test {
namespace {

using kernels::MapShape;

/// f on both devices, each array `offset` elements off its alignment on the device. The results are to agree within
/// `tolerance`, relative to 1 or what is larger.
template <class F>
void expect_agreement(const F& f, const MapShape& s, const std::vector<std::vector<real>>& inputs, int64_t offset = 0,
                      double tolerance = 1e-6) {
  const real* x[F::arity];
  for (int i = 0; i < F::arity; ++i) x[i] = inputs[size_t(i)].data();
  std::vector<real> expected = nan_filled(s.size());
  kernels::cpu::map(cpu_stream, f, s, x, expected.data());

  const auto got = same_in_every_order([&] {
    std::vector<std::unique_ptr<DeviceReals>> on_device;
    const real* device_x[F::arity];
    for (int i = 0; i < F::arity; ++i) {
      on_device.push_back(std::make_unique<DeviceReals>(inputs[size_t(i)], offset));
      device_x[i] = on_device.back()->data();
    }
    DeviceReals y(s.size(), offset);
    kernels::cuda::map(cuda_stream(), f, s, device_x, y.data());
    return y.to_host();
  });
  EXPECT_TRUE(near_each(got, expected, tolerance));
}

/// n elements of an output, all inputs laid out like it.
template <int arity>
MapShape dense_shape(int64_t n) {
  MapShape s{};
  s.rank = 1;
  s.dims[0] = n;
  for (int i = 0; i < arity; ++i) s.strides[i][0] = 1;
  return s;
}

/// More elements than all threads of a full grid take at first.
int64_t beyond_one_grid() { return kernels::cuda::multiprocessors(0) * 64 * 256 * 4 + 1027; }

TEST(CudaMap, DenseOfAnySizeAndAlignment) {
  ERG_NEEDS_CUDA();
  using Third = functors::SecondVjp<functors::Tanh, 0, 0>;  // of three inputs
  for (const int64_t n :
       {int64_t(0), int64_t(1), int64_t(3), int64_t(4), int64_t(5), int64_t(1023), int64_t(4096), beyond_one_grid()})
    for (const int64_t offset : {0, 1, 2}) {
      SCOPED_TRACE(std::to_string(n) + " elements at offset " + std::to_string(offset));
      const std::vector<std::vector<real>> x{random_reals(n, 40), random_reals(n, 41), random_reals(n, 42)};
      expect_agreement(functors::Tanh{}, dense_shape<1>(n), x, offset);
      expect_agreement(functors::Sub{}, dense_shape<2>(n), x, offset, 0);
      expect_agreement(Third{}, dense_shape<3>(n), x, offset);
    }
}

/// Only one of the arrays is off its alignment.
TEST(CudaMap, DenseWithOneArrayOutOfLine) {
  ERG_NEEDS_CUDA();
  const int64_t n = 4099;
  const std::vector<real> a = random_reals(n, 43), b = random_reals(n, 44);
  std::vector<real> expected = nan_filled(n);
  const MapShape s = dense_shape<2>(n);
  const real* x[] = {a.data(), b.data()};
  kernels::cpu::map(cpu_stream, functors::Mul{}, s, x, expected.data());
  for (const int odd : {0, 1, 2}) {
    SCOPED_TRACE(odd);
    DeviceReals on_a(a, odd == 0), on_b(b, odd == 1), y(n, odd == 2);
    const real* device_x[] = {on_a.data(), on_b.data()};
    kernels::cuda::map(cuda_stream(), functors::Mul{}, s, device_x, y.data());
    EXPECT_TRUE(near_each(y.to_host(), expected, 0));
  }
}

/// A shape of the op table with its extents, other than 1, times a factor.
Shape scaled(Shape shape, int64_t factor) {
  for (int d = 0; d < shape.rank(); ++d) shape[d] *= shape[d] == 1 ? 1 : factor;
  return shape;
}

/// The op table's patterns at three sizes: as they are, with rows that are fours, and with rows that are not.
class CudaBroadcast : public testing::TestWithParam<rows::Broadcast> {};

TEST_P(CudaBroadcast, AgreesWithTheCpu) {
  ERG_NEEDS_CUDA();
  for (const int64_t factor : {1, 4, 7}) {
    const Shape a = scaled(GetParam().a, factor), b = scaled(GetParam().b, factor);
    const Shape out = broadcast("map", a, b);
    const Tensor g = Tensor::empty(out, cpu_device), x = Tensor::empty(a, cpu_device), y = Tensor::empty(b, cpu_device);
    const std::vector<real> g_values = random_reals(out.size(), 45), a_values = random_reals(a.size(), 46),
                            b_values = random_reals(b.size(), 47);
    for (const int64_t offset : {0, 1}) {
      SCOPED_TRACE("factor " + std::to_string(factor) + ", offset " + std::to_string(offset));
      const Tensor two[] = {x, y}, three[] = {g, x, y};
      expect_agreement(functors::Sub{}, map_shape(out, two), {a_values, b_values}, offset, 0);
      expect_agreement(functors::FirstVjp<functors::Maximum, 1>{}, map_shape(out, three),
                       {g_values, a_values, b_values}, offset, 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, CudaBroadcast, testing::ValuesIn(rows::broadcasts), [](const auto& row) {
  std::string name;
  for (const char c : std::string(row.param.pattern)) name += std::isalnum(uint8_t(c)) ? c : '_';
  return name;
});

/// A bias and a factor per row, on more elements than one grid takes; as one input each, and both at once.
TEST(CudaMap, BroadcastsBeyondOneGrid) {
  ERG_NEEDS_CUDA();
  for (const int64_t columns : {64, 37}) {
    SCOPED_TRACE(columns);
    const int64_t rows = beyond_one_grid() / columns + 1, n = rows * columns;
    const std::vector<real> whole = random_reals(n, 48), row = random_reals(columns, 49),
                            column = random_reals(rows, 50);
    MapShape s{2, {rows, columns}, {{columns, 1}, {0, 1}}};
    expect_agreement(functors::Add{}, s, {whole, row}, 0, 0);
    s = {2, {rows, columns}, {{columns, 1}, {1, 0}}};
    expect_agreement(functors::Mul{}, s, {whole, column}, 0, 0);
    s = {2, {rows, columns}, {{0, 1}, {1, 0}}};
    expect_agreement(functors::Sub{}, s, {row, column}, 0, 0);
    s = {2, {rows, columns}, {{0, 0}}};
    expect_agreement(functors::Affine{2, 1}, s, {{real(0.5)}}, 0, 0);
  }
}

TEST(CudaMap, BroadcastOfNothing) {
  ERG_NEEDS_CUDA();
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{0, 3}, {3, 0}, {0, 0}})
    expect_agreement(functors::Add{}, {2, {rows, columns}, {{columns, 1}, {0, 1}}}, {{}, {1, 2, 3}});
}

/// Around multiples of the divisor, where a quotient changes, up to the largest number of the type.
template <class Index>
void expect_divides(int64_t value) {
  const kernels::cuda::Divisor<Index> divisor(value);
  const uint64_t largest = uint64_t(std::numeric_limits<Index>::max()), most = largest / uint64_t(value);
  for (const uint64_t quotient : {uint64_t(0), uint64_t(1), uint64_t(2), most / 3, most / 2, most - 1, most})
    for (const uint64_t remainder : {uint64_t(0), uint64_t(1), uint64_t(value) / 2, uint64_t(value) - 1}) {
      const uint64_t n = quotient * uint64_t(value) + remainder;
      if (quotient > most || n > largest) continue;
      ASSERT_EQ(divisor.quotient(Index(n)), Index(n / uint64_t(value))) << n << " / " << value;
    }
}

TEST(CudaIndex, DivisorDividesExactly) {
  for (int64_t value = 1; value < 5000; ++value) {
    expect_divides<int32_t>(value);
    expect_divides<int64_t>(value);
  }
  for (int bit = 12; bit < 63; ++bit)
    for (const int64_t off : {-1, 0, 1, 12345}) {
      const int64_t value = (int64_t(1) << bit) + off * (bit > 14 || off < 2);
      if (kernels::cuda::fits<int32_t>(value)) expect_divides<int32_t>(value);
      expect_divides<int64_t>(value);
    }
}

/// Positions beyond 31 bits, which nothing smaller reaches.
TEST(CudaMap, BroadcastOfMoreThan31Bits) {
  ERG_NEEDS_CUDA();
  constexpr int64_t columns = 65537, rows = (int64_t(1) << 31) / columns + 2, n = rows * columns,
                    bytes = n * sizeof(real);
  const auto device = kernels::cuda::device_info(0);
  if (device.emulated || device.free_bytes < bytes + (int64_t(1) << 30)) GTEST_SKIP() << "needs a GPU with 10 GB free";
  const std::vector<real> row = random_reals(columns, 51), column = random_reals(rows, 52);
  const DeviceReals device_row(row), device_column(column);
  real* y = static_cast<real*>(kernels::cuda::allocate(0, bytes));
  const real* x[] = {device_row.data(), device_column.data()};
  kernels::cuda::map(cuda_stream(), functors::Sub{}, {2, {rows, columns}, {{0, 1}, {1, 0}}}, x, y);
  std::vector<real> last(columns), expected(columns);
  kernels::cuda::copy_to_host(cuda_stream(), last.data(), y + n - columns, columns * int64_t(sizeof(real)));
  kernels::cuda::release(0, y);
  for (size_t i = 0; i < row.size(); ++i) expected[i] = row[i] - column.back();
  EXPECT_TRUE(same_bits(last, expected));
}

}  // namespace
}  // namespace erg::test
