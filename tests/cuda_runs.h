// What the tests of CUDA kernels share: memory on the device, full of NaN where nothing was written, and comparisons
// with the CPU's results. "The device" is a GPU, or the emulator in a build with ERG_CUDA_EMULATOR=ON.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernel_runs.h"
#include "kernels/cuda/runtime.h"

#ifdef ERG_CUDA_EMULATOR
#include "kernels/cuda/emulator/emulator.h"
#endif

/// For the body of a test or of SetUp(): without a device, says so and skips.
#define ERG_NEEDS_CUDA()                         \
  if (::erg::kernels::cuda::device_count() == 0) \
  GTEST_SKIP() << "no CUDA device: " << ::erg::kernels::cuda::why_no_device()

namespace erg::test {

/// The stream of the first CUDA device.
inline Stream cuda_stream() { return kernels::cuda::stream(0); }

/// n values in device memory. `offset` moves them that many elements off the block's alignment.
template <class T>
class DeviceArray {
 public:
  /// All bits set: NaN as a real.
  explicit DeviceArray(int64_t n, int64_t offset = 0) : DeviceArray(all_bits_set(n), offset) {}
  explicit DeviceArray(const std::vector<T>& values, int64_t offset = 0)
      : size_(int64_t(values.size())),
        block_(static_cast<T*>(kernels::cuda::allocate(0, std::max<int64_t>(1, size_ + offset) * int64_t(sizeof(T))))),
        data_(block_ + offset) {
    if (size_) kernels::cuda::copy_to_device(cuda_stream(), data_, values.data(), size_ * int64_t(sizeof(T)));
  }
  ~DeviceArray() { kernels::cuda::release(0, block_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  std::vector<T> to_host() const {
    std::vector<T> values(static_cast<size_t>(size_));
    if (size_) kernels::cuda::copy_to_host(cuda_stream(), values.data(), data_, size_ * int64_t(sizeof(T)));
    return values;
  }

 private:
  static std::vector<T> all_bits_set(int64_t n) {
    std::vector<T> values(static_cast<size_t>(n));
    if (n) std::memset(static_cast<void*>(values.data()), 0xFF, values.size() * sizeof(T));
    return values;
  }
  int64_t size_;
  T *block_, *data_;
};

using DeviceReals = DeviceArray<real>;

/// Every element of `got` within `tolerance` of `expected`, relative to the larger of 1 and the expected magnitude;
/// NaN matches NaN, infinities match themselves.
inline testing::AssertionResult near_each(const std::vector<real>& got, const std::vector<real>& expected,
                                          double tolerance) {
  if (got.size() != expected.size())
    return testing::AssertionFailure() << got.size() << " elements, expected " << expected.size();
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(expected[i])) continue;
    if (got[i] == expected[i]) continue;
    if (!(std::abs(double(got[i]) - expected[i]) <= tolerance * std::max(1.0, std::abs(double(expected[i])))))
      return testing::AssertionFailure() << "element " << i << " is " << got[i] << ", expected " << expected[i];
  }
  return testing::AssertionSuccess();
}

/// |got - expected| / |expected| in the Euclidean norm: what a tf32 product is judged by.
inline double relative_distance(const std::vector<real>& got, const std::vector<real>& expected) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference += (double(got[i]) - expected[i]) * (double(got[i]) - expected[i]);
    norm += double(expected[i]) * expected[i];
  }
  return got.size() == expected.size() ? std::sqrt(difference / std::max(norm, 1e-30))
                                       : std::numeric_limits<double>::infinity();
}

/// Runs `run` under several orders of threads and blocks, which on a GPU is simply several runs; all must give the same
/// bits, which are returned.
template <class Run>
std::vector<real> same_in_every_order(const Run& run) {
  const std::vector<real> first = run();
  for (const unsigned seed : {1u, 2u}) {
#ifdef ERG_CUDA_EMULATOR
    emulator::set_order(seed);
#endif
    EXPECT_TRUE(same_bits(first, run())) << "another order of threads (seed " << seed << ") gives other bits";
  }
#ifdef ERG_CUDA_EMULATOR
  emulator::set_order(0);
#endif
  return first;
}

/// While it lives, matrix products on the device are in this precision.
class WithPrecision {
 public:
  explicit WithPrecision(kernels::cuda::Precision precision) : before_(kernels::cuda::precision()) {
    kernels::cuda::set_precision(precision);
  }
  ~WithPrecision() { kernels::cuda::set_precision(before_); }
  WithPrecision(const WithPrecision&) = delete;
  WithPrecision& operator=(const WithPrecision&) = delete;

 private:
  kernels::cuda::Precision before_;
};

}  // namespace erg::test
