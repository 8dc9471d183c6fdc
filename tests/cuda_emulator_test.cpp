// The emulator: each thing that CUDA offers must do what CUDA says. cuda_emulator_bugs_test.cpp has the other side.
#include <gmock/gmock.h>

#include <numeric>
#include <set>

#include "cuda_runs.h"
#include "kernels/cuda/portable.cuh"

namespace erg::kernels::cuda {
namespace {

using emulator::in_every_order;
using test::cuda_stream;
using test::DeviceArray;
using test::random_reals;
using testing::Each;
using testing::ElementsAre;
using testing::ElementsAreArray;

/// Runs a kernel that writes n values, and returns them.
template <class T, class... P, class... A>
std::vector<T> results(int64_t n, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, A... arguments) {
  DeviceArray<T> y(n);
  launch(kernel, grid, block, shared_bytes, cuda_stream(), arguments..., y.data());
  return y.to_host();
}

template <class T = int>
std::vector<T> counted(int64_t n, T first = 0) {
  std::vector<T> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), first);
  return values;
}

/// Whether `run` gives the same bits in every order of blocks and threads.
template <class Run>
bool same_in_all_orders(const Run& run) {
  std::set<std::vector<unsigned char>> seen;
  in_every_order([&] {
    const auto values = run();
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    seen.emplace(bytes, bytes + values.size() * sizeof values[0]);
  });
  return seen.size() == 1;
}

// ---- Where threads are, and in which order they run

__global__ void count_visits(int* visits) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const int64_t threads = blockDim.x * blockDim.y * blockDim.z;
  ++visits[block * threads + thread];
}

TEST(CudaEmulator, EveryThreadOfAThreeDimensionalGridRunsOnce) {
  DeviceArray<int> visits(std::vector<int>(3 * 5 * 2 * 7 * 4 * 3));
  in_every_order([&] { launch(count_visits, dim3(3, 5, 2), dim3(7, 4, 3), 0, cuda_stream(), visits.data()); });
  EXPECT_THAT(visits.to_host(), Each(4));
}

__global__ void take_tickets(int* next, int* ticket) {
  ticket[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(next, 1);
}

std::vector<int> tickets(uint64_t order) {
  emulator::set_order(order);
  DeviceArray<int> next(std::vector<int>{0});
  const auto ticket = results<int>(40, take_tickets, 4, 10, 0, next.data());
  emulator::set_order(emulator::first_to_last);
  return ticket;
}

TEST(CudaEmulator, OrderIsAsAskedAndRepeatable) {
  const auto forwards = counted(40);
  EXPECT_EQ(tickets(emulator::first_to_last), forwards);
  EXPECT_EQ(tickets(emulator::last_to_first), std::vector<int>(forwards.rbegin(), forwards.rend()));
  EXPECT_THAT(tickets(2), testing::UnorderedElementsAreArray(forwards));
  EXPECT_EQ(tickets(2), tickets(2));
  EXPECT_NE(tickets(2), tickets(3));
}

// ---- Barriers and shared memory

template <bool with_barrier>
__global__ void reverse(const float* x, float* y) {
  ERG_SHARED(float, s);
  s[threadIdx.x] = x[threadIdx.x];
  if (with_barrier) __syncthreads();
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}

TEST(CudaEmulator, BarrierHoldsUntilAllHaveWritten) {
  for (const unsigned threads : {1u, 33u, 1024u}) {
    const auto x = counted<float>(threads);
    DeviceArray<float> device_x(x);
    in_every_order([&] {
      EXPECT_THAT(results<float>(threads, reverse<true>, 1, threads, threads * 4, device_x.data()),
                  ElementsAreArray(x.rbegin(), x.rend()));
    });
  }
}

/// Sums by a tree. Without the barrier of each level, one thread reads what another has yet to write.
template <bool with_barriers>
__global__ void tree_sum(const float* x, float* y) {
  ERG_SHARED(float, s);
  s[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    if (with_barriers) __syncthreads();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = s[0];
}

TEST(CudaEmulator, TreeSum) {
  DeviceArray<float> x(counted<float>(3 * 256));
  in_every_order([&] {
    EXPECT_THAT(results<float>(3, tree_sum<true>, 3, 256, 1024, x.data()), ElementsAre(32640, 98176, 163712));
  });
}

TEST(CudaEmulator, MissingBarriersAreFoundByOrders) {
  DeviceArray<float> x(random_reals(256, 1));
  EXPECT_TRUE(same_in_all_orders([&] { return results<float>(256, reverse<true>, 1, 256, 1024, x.data()); }));
  EXPECT_FALSE(same_in_all_orders([&] { return results<float>(256, reverse<false>, 1, 256, 1024, x.data()); }));
  EXPECT_TRUE(same_in_all_orders([&] { return results<float>(1, tree_sum<true>, 1, 256, 1024, x.data()); }));
  EXPECT_FALSE(same_in_all_orders([&] { return results<float>(1, tree_sum<false>, 1, 256, 1024, x.data()); }));
}

__global__ void read_shared(float* y) {
  ERG_SHARED(float, s);
  y[blockIdx.x * blockDim.x + threadIdx.x] = s[threadIdx.x];
  s[threadIdx.x] = 1;
}

TEST(CudaEmulator, SharedMemoryIsNanForEachBlock) {
  EXPECT_THAT(results<float>(64, read_shared, 2, 32, 128), Each(testing::NanSensitiveFloatEq(NAN)));
}

__global__ void vote_in_block(int* y) {
  const int predicate = int(threadIdx.x) % 3 == 0;
  const int count = __syncthreads_count(predicate);
  const int again = __syncthreads_count(!predicate);  // must not mix with the first
  const int any = __syncthreads_or(threadIdx.x == 69), none = __syncthreads_or(0);
  const int all = __syncthreads_and(1), not_all = __syncthreads_and(threadIdx.x != 69);
  if (threadIdx.x != 5) return;
  const int seen[] = {count, again, any, none, all, not_all};
  for (int i = 0; i < 6; ++i) y[i] = seen[i];
}

TEST(CudaEmulator, VotesOfABlock) {
  in_every_order([] { EXPECT_THAT(results<int>(6, vote_in_block, 1, 70, 0), ElementsAre(24, 46, 1, 0, 1, 0)); });
}

// ---- Warps

using Shuffle = int (*)(int value);
__global__ void shuffle(Shuffle kind, int* y) { y[threadIdx.x] = kind(int(threadIdx.x)); }

/// What lanes 8 to 15 and 24 to 31 of a warp read.
std::vector<int> shuffled(Shuffle kind) {
  const auto all = results<int>(64, shuffle, 1, 64, 0, kind);
  std::vector<int> some(all.begin() + 8, all.begin() + 16);
  some.insert(some.end(), all.begin() + 24, all.begin() + 32);
  return some;
}

TEST(CudaEmulator, Shuffles) {
  in_every_order([] {
    EXPECT_THAT(shuffled([](int v) { return __shfl_sync(all_lanes, v, 35); }), Each(3));
    EXPECT_THAT(shuffled([](int v) { return __shfl_sync(all_lanes, v, 11, 8); }),
                ElementsAre(11, 11, 11, 11, 11, 11, 11, 11, 27, 27, 27, 27, 27, 27, 27, 27));
    EXPECT_THAT(shuffled([](int v) { return __shfl_up_sync(all_lanes, v, 10); }),
                ElementsAre(8, 9, 0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19, 20, 21));
    EXPECT_THAT(shuffled([](int v) { return __shfl_up_sync(all_lanes, v, 3, 8); }),
                ElementsAre(8, 9, 10, 8, 9, 10, 11, 12, 24, 25, 26, 24, 25, 26, 27, 28));
    EXPECT_THAT(shuffled([](int v) { return __shfl_down_sync(all_lanes, v, 4); }),
                ElementsAre(12, 13, 14, 15, 16, 17, 18, 19, 28, 29, 30, 31, 28, 29, 30, 31));
    EXPECT_THAT(shuffled([](int v) { return __shfl_down_sync(all_lanes, v, 3, 8); }),
                ElementsAre(11, 12, 13, 14, 15, 13, 14, 15, 27, 28, 29, 30, 31, 29, 30, 31));
    EXPECT_THAT(shuffled([](int v) { return __shfl_xor_sync(all_lanes, v, 5); }),
                ElementsAre(13, 12, 15, 14, 9, 8, 11, 10, 29, 28, 31, 30, 25, 24, 27, 26));
    EXPECT_THAT(shuffled([](int v) { return __shfl_xor_sync(all_lanes, v, 16, 8); }),  // earlier segments only
                ElementsAre(8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
  });
}

/// The lower half of the warp exchanges twice while the upper half does once; lane 31 stays away.
__global__ void shuffle_in_parts(double* y) {
  double v = threadIdx.x;
  if (threadIdx.x < 16) {
    for (int distance = 1; distance < 16; distance *= 2) v += __shfl_xor_sync(0x0000FFFFu, v, distance);
  } else if (threadIdx.x < 31) {
    v = __shfl_down_sync(0x7FFF0000u, v, 1);  // lane 30 reads one that does not come
  }
  y[threadIdx.x] = v;
}

TEST(CudaEmulator, PartsOfAWarpExchangeApart) {
  in_every_order([] {
    const auto y = results<double>(32, shuffle_in_parts, 1, 32, 0);
    EXPECT_THAT(std::vector<double>(y.begin(), y.begin() + 16), Each(120.0));
    EXPECT_THAT(std::vector<double>(y.begin() + 16, y.begin() + 30), ElementsAreArray(counted<double>(14, 17)));
    EXPECT_TRUE(std::isnan(y[30]));
    EXPECT_EQ(y[31], 31);
  });
}

__global__ void vote_in_warp(unsigned* y) {
  const unsigned lane = threadIdx.x;
  if (lane >= 24) return;
  const unsigned mask = lane < 8 ? 0x000000FFu : 0x00FFFF00u;
  __syncwarp(mask);
  const unsigned ballot = __ballot_sync(mask, lane % 2);
  const bool any = __any_sync(mask, lane == 7), all = __all_sync(mask, lane < 8);
  if (lane == 3 || lane == 13) y[lane == 13] = ballot | unsigned(any) << 30 | unsigned(all) << 31;
}

TEST(CudaEmulator, VotesOfAWarp) {
  in_every_order(
      [] { EXPECT_THAT(results<unsigned>(2, vote_in_warp, 1, 32, 0), ElementsAre(0xC00000AAu, 0x00AAAA00u)); });
}

// ---- Atomics and functions of numbers

__global__ void use_atomics(int* count, unsigned* least, unsigned long long* most, int* first) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(count, i % 3 - 1);
  atomicMin(least, 4000000000u + unsigned(i ^ 21));
  atomicMax(most, 1ull << (i % 48));
  atomicCAS(first, 7, i);
}

TEST(CudaEmulator, IntegerAtomics) {
  DeviceArray<int> count(std::vector<int>{5}), first(std::vector<int>{7});
  DeviceArray<unsigned> least(std::vector<unsigned>{4100000000u});
  DeviceArray<unsigned long long> most(std::vector<unsigned long long>{0});
  launch(use_atomics, 2, 50, 0, cuda_stream(), count.data(), least.data(), most.data(), first.data());
  EXPECT_EQ(count.to_host()[0], 5 - 1);
  EXPECT_EQ(least.to_host()[0], 4000000000u);
  EXPECT_EQ(most.to_host()[0], 1ull << 47);
  EXPECT_EQ(first.to_host()[0], 0);
}

template <class T>
concept HasAtomicAdd = requires(T* p) {
  atomicAdd(p, T(1));
};
static_assert(HasAtomicAdd<int> && !HasAtomicAdd<float> && !HasAtomicAdd<double>);

TEST(CudaEmulator, FunctionsOfNumbers) {
  EXPECT_EQ(__popc(0xF00F0001u), 9);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(0x50), 5);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__clz(0x00800000), 8);
  EXPECT_EQ(__umulhi(0xD2511F53u, 0xCD9E8D57u), 0xA8ED3844u);
  EXPECT_EQ(__float_as_uint(-1.f), 0xBF800000u);
  EXPECT_EQ(__int_as_float(0x40490FDB), 3.14159274f);
  EXPECT_EQ(min(3, -4), -4);
  EXPECT_EQ(max(2.5f, NAN), 2.5f);
  EXPECT_EQ(min(NAN, 2.5f), 2.5f);
  EXPECT_EQ(rsqrtf(16.f), 0.25f);
}

// ---- PTX

/// Four copies in three groups; then what shared memory holds when all but `open` groups have been waited for.
template <int open>
__global__ void copy_in_groups(const float* x, float* y) {
  ERG_SHARED(float, s);
  copy_async(s, x);
  commit_copies();
  copy_async_cached(s + 4, x, false);
  copy_async_word(s + 8, x + 7);
  commit_copies();
  copy_async(s + 12, x + 12);
  commit_copies();
  wait_for_copies<open>();
  for (int i = 0; i < 16; ++i) y[i] = s[i] == s[i] ? s[i] : -1;
  wait_for_copies<0>();
}

TEST(CudaEmulator, CopiesArriveGroupByGroup) {
  DeviceArray<float> x(counted<float>(16, 1));
  EXPECT_THAT(results<float>(16, copy_in_groups<3>, 1, 1, 64, x.data()), Each(-1));
  EXPECT_THAT(results<float>(16, copy_in_groups<2>, 1, 1, 64, x.data()),
              ElementsAre(1, 2, 3, 4, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  EXPECT_THAT(results<float>(16, copy_in_groups<1>, 1, 1, 64, x.data()),
              ElementsAre(1, 2, 3, 4, 0, 0, 0, 0, 8, -1, -1, -1, -1, -1, -1, -1));
  EXPECT_THAT(results<float>(16, copy_in_groups<0>, 1, 1, 64, x.data()),
              ElementsAre(1, 2, 3, 4, 0, 0, 0, 0, 8, -1, -1, -1, 13, 14, 15, 16));
}

TEST(CudaEmulator, RoundsToTf32) {
  const auto rounded = [](uint32_t bits) { return to_tf32(__uint_as_float(bits)); };
  EXPECT_EQ(rounded(0x3F800FFF), 0x3F800000u);
  EXPECT_EQ(rounded(0x3F801000), 0x3F802000u);  // a tie goes away from zero
  EXPECT_EQ(rounded(0xBF801000), 0xBF802000u);
  EXPECT_EQ(rounded(0x3FFFF000), 0x40000000u);  // into the next power of two
  EXPECT_EQ(rounded(0x7F7FFFFF), 0x7F800000u);
  EXPECT_EQ(rounded(0xFF800000), 0xFF800000u);
  EXPECT_EQ(rounded(0xFFFFFFFF), 0x7FFFFFFFu);
}

/// One warp: D += A B with A [16,8] by load_matrices and B [8,8] by plain loads.
template <bool rounded>
__global__ void multiply(const float* a, const float* b, float* d) {
  ERG_SHARED(float, s);
  const int lane = int(threadIdx.x), group = lane / 4, member = lane % 4;
  for (int i = lane; i < 128; i += 32) s[i] = rounded ? __uint_as_float(to_tf32(a[i])) : a[i];
  __syncthreads();
  uint32_t fragment_a[4], fragment_b[2];
  load_matrices(fragment_a, &s[(lane % 16) * 8 + lane / 16 * 4]);
  for (int i = 0; i < 2; ++i) {
    const float value = b[(member + 4 * i) * 8 + group];
    fragment_b[i] = rounded ? to_tf32(value) : __float_as_uint(value);
  }
  float fragment_d[4] = {1, 1, 1, 1};
  mma_tf32(fragment_d, fragment_a, fragment_b);
  for (int i = 0; i < 4; ++i) d[(group + i / 2 * 8) * 8 + member * 2 + i % 2] = fragment_d[i];
}

/// The same in double, from what the hardware sees of its inputs.
template <class See>
std::vector<float> expected_product(const std::vector<float>& a, const std::vector<float>& b, const See& see) {
  std::vector<float> d(128);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      double sum = 1;
      for (int k = 0; k < 8; ++k) sum += double(see(a[size_t(row * 8 + k)])) * see(b[size_t(k * 8 + column)]);
      d[size_t(row * 8 + column)] = float(sum);
    }
  return d;
}

TEST(CudaEmulator, WarpMultipliesInTf32) {
  const auto a = random_reals(128, 2), b = random_reals(64, 3);
  DeviceArray<float> device_a(a), device_b(b);
  const auto round = [](float x) { return __uint_as_float(to_tf32(x)); };
  const auto cut_off = [](float x) { return __uint_as_float(__float_as_uint(x) & ~0x1FFFu); };
  const auto rounded = results<float>(128, multiply<true>, 1, 32, 512, device_a.data(), device_b.data());
  const auto forgotten = results<float>(128, multiply<false>, 1, 32, 512, device_a.data(), device_b.data());
  EXPECT_TRUE(test::near_each(rounded, expected_product(a, b, round), 1e-6));
  EXPECT_TRUE(test::near_each(forgotten, expected_product(a, b, cut_off), 1e-6));
  EXPECT_FALSE(test::near_each(forgotten, expected_product(a, b, round), 1e-6));
}

/// C = A B, n x n, in tiles that do not divide n.
__global__ void multiply_tiles(int n, const float* a, const float* b, float* c) {
  ERG_SHARED(float, tile_a);
  float* const tile_b = tile_a + 64;
  const int x = int(threadIdx.x), y = int(threadIdx.y), at = y * 8 + x;
  const int row = int(blockIdx.y) * 8 + y, column = int(blockIdx.x) * 8 + x;
  float sum = 0;
  for (int k = 0; k < n; k += 8) {
    copy_async_word(&tile_a[at], &a[row * n + k + x], row < n && k + x < n);
    copy_async_word(&tile_b[at], &b[(k + y) * n + column], k + y < n && column < n);
    commit_copies();
    wait_for_copies<0>();
    __syncthreads();
    for (int i = 0; i < 8; ++i) sum += tile_a[y * 8 + i] * tile_b[i * 8 + x];
    __syncthreads();
  }
  if (row < n && column < n) c[row * n + column] = sum;
}

TEST(CudaEmulator, RaggedTilesOfAMatrixProduct) {
  constexpr int n = 21;
  const auto a = random_reals(n * n, 4), b = random_reals(n * n, 5);
  std::vector<float> expected(n * n);
  for (int i = 0; i < n * n; ++i) {
    double sum = 0;
    for (int k = 0; k < n; ++k) sum += double(a[size_t(i / n * n + k)]) * b[size_t(k * n + i % n)];
    expected[size_t(i)] = float(sum);
  }
  DeviceArray<float> device_a(a), device_b(b);
  in_every_order([&] {
    const auto c =
        results<float>(n * n, multiply_tiles, dim3(3, 3), dim3(8, 8), 512, n, device_a.data(), device_b.data());
    EXPECT_TRUE(test::near_each(c, expected, 1e-6));
  });
}

// ---- The runtime: memory, graphs, limits

TEST(CudaEmulator, MemoryIsReusedAndComesFullOfNan) {
  void *first, *second;
  ASSERT_EQ(cudaMalloc(&first, 1000), cudaSuccess);
  ASSERT_EQ(cudaMemset(first, 0, 1000), cudaSuccess);
  ASSERT_EQ(cudaFree(first), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&second, 900), cudaSuccess);
  EXPECT_EQ(second, first);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(second) % 256, 0u);
  std::vector<float> values(225);
  ASSERT_EQ(cudaMemcpy(values.data(), second, 900, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_THAT(values, Each(testing::NanSensitiveFloatEq(NAN)));
  EXPECT_EQ(cudaMemcpy(values.data(), second, 901, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(values.data(), second, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaFree(static_cast<char*>(second) + 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(second), cudaSuccess);
}

TEST(CudaEmulator, MemoryRunsOut) {
  size_t free_bytes, total, free_then;
  ASSERT_EQ(cudaMemGetInfo(&free_bytes, &total), cudaSuccess);
  void *block, *more;
  ASSERT_EQ(cudaMalloc(&block, 1 << 20), cudaSuccess);
  ASSERT_EQ(cudaMemGetInfo(&free_then, &total), cudaSuccess);
  EXPECT_EQ(free_then, free_bytes - (1 << 20));
  EXPECT_EQ(cudaMalloc(&more, free_bytes), cudaErrorMemoryAllocation);
  EXPECT_STREQ(cudaGetErrorName(cudaGetLastError()), "cudaErrorMemoryAllocation");
  EXPECT_THROW(allocate(0, int64_t(free_bytes)), OutOfMemoryError);
  EXPECT_EQ(cudaFree(block), cudaSuccess);
}

__global__ void scale(float factor, float* x) { x[threadIdx.x] *= factor; }

TEST(CudaEmulator, CapturedWorkRunsWhenTheGraphIsLaunched) {
  DeviceArray<float> x(counted<float>(4)), y(4);
  float factor = 10;
  begin_capture(cuda_stream());
  launch(scale, 1, 4, 0, cuda_stream(), factor, x.data());
  ASSERT_EQ(cudaMemcpyAsync(y.data(), x.data(), 16, cudaMemcpyDeviceToDevice, cudaStream_t(cuda_stream().handle)),
            cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(x.data(), 0, 4, cudaStream_t(cuda_stream().handle)), cudaSuccess);
  EXPECT_TRUE(is_capturing(cuda_stream()));
  void* const graph = end_capture(cuda_stream());
  EXPECT_THAT(x.to_host(), ElementsAre(0, 1, 2, 3));
  factor = 0;  // the graph has its own
  launch_graph(cuda_stream(), graph);
  launch_graph(cuda_stream(), graph);
  EXPECT_THAT(x.to_host(), ElementsAre(0, 100, 200, 300));
  EXPECT_THAT(y.to_host(), ElementsAre(0, 100, 200, 300));
  destroy_graph(graph);
}

TEST(CudaEmulator, CaptureIsBrokenByWhatCannotBeCaptured) {
  const auto stream = cudaStream_t(cuda_stream().handle);
  DeviceArray<float> x(4);
  float host[4];
  cudaStreamCaptureStatus status;
  cudaGraph_t graph;
  const auto capture = [&](cudaError_t expected, auto call) {
    begin_capture(cuda_stream());
    EXPECT_EQ(call(), expected);
    EXPECT_EQ(cudaStreamIsCapturing(stream, &status), cudaSuccess);
    EXPECT_EQ(status, cudaStreamCaptureStatusInvalidated);
    EXPECT_EQ(cudaMemsetAsync(x.data(), 0, 4, stream), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(graph, nullptr);
    EXPECT_FALSE(is_capturing(cuda_stream()));
  };
  capture(cudaErrorStreamCaptureUnsupported, [&] { return cudaStreamSynchronize(stream); });
  capture(cudaErrorStreamCaptureUnsupported, [&] { return cudaDeviceSynchronize(); });
  capture(cudaErrorStreamCaptureUnsupported, [&] { return cudaMemcpy(host, x.data(), 16, cudaMemcpyDeviceToHost); });
  capture(cudaErrorStreamCaptureUnsupported,
          [&] { return cudaMemcpyAsync(host, x.data(), 16, cudaMemcpyDeviceToHost, stream); });
  cudaLaunchConfig_t too_large{};
  too_large.blockDim = 2000;
  too_large.stream = stream;
  capture(cudaErrorInvalidConfiguration, [&] { return cudaLaunchKernelEx(&too_large, scale, 1.f, x.data()); });
}

TEST(CudaEmulator, EventsMeasureTime) {
  cudaEvent_t begin, end;
  float milliseconds = -1;
  ASSERT_EQ(cudaEventCreate(&begin), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&end), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(begin), cudaSuccess);
  DeviceArray<float> x(1024);
  launch(scale, 1, 1024, 0, cuda_stream(), 2.f, x.data());
  EXPECT_EQ(cudaEventRecord(end), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(end), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, begin, end), cudaSuccess);
  EXPECT_GT(milliseconds, 0);
  EXPECT_EQ(cudaEventDestroy(begin), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(end), cudaSuccess);
}

__global__ void do_nothing() {}
__global__ void do_nothing_with_much_memory() {}

TEST(CudaEmulator, LaunchLimits) {
  const auto start = [](dim3 grid, dim3 block, size_t shared_bytes, void (*kernel)()) {
    cudaLaunchConfig_t configuration{};
    configuration.gridDim = grid;
    configuration.blockDim = block;
    configuration.dynamicSmemBytes = shared_bytes;
    return cudaLaunchKernelEx(&configuration, kernel);
  };
  EXPECT_EQ(start(1, 1024, 48 * 1024, do_nothing), cudaSuccess);
  EXPECT_EQ(start(dim3(1, 65535), 1, 0, do_nothing), cudaSuccess);
  for (const dim3 block : {dim3(1025), dim3(33, 32), dim3(1, 1, 65), dim3(0)})
    EXPECT_EQ(start(1, block, 0, do_nothing), cudaErrorInvalidConfiguration);
  for (const dim3 grid : {dim3(0x80000000u), dim3(1, 65536), dim3(1, 1, 65536), dim3(1, 0)})
    EXPECT_EQ(start(grid, 1, 0, do_nothing), cudaErrorInvalidConfiguration);
  const auto* const much = reinterpret_cast<const void*>(do_nothing_with_much_memory);
  constexpr auto attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
  EXPECT_EQ(start(1, 1, 48 * 1024 + 1, do_nothing_with_much_memory), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(much, attribute, 227 * 1024 + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(much, attribute, 227 * 1024), cudaSuccess);
  EXPECT_EQ(start(1, 1, 227 * 1024, do_nothing_with_much_memory), cudaSuccess);
  EXPECT_EQ(start(1, 1, 227 * 1024 + 1, do_nothing_with_much_memory), cudaErrorInvalidValue);
}

TEST(CudaEmulator, IsOneDevice) {
  const DeviceInfo info = device_info(0);
  EXPECT_EQ(info.name, "erg emulator");
  EXPECT_EQ(info.major, 9);
  EXPECT_EQ(info.minor, 0);
  EXPECT_EQ(info.multiprocessors, 3);
  EXPECT_TRUE(info.emulated);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
}

}  // namespace
}  // namespace erg::kernels::cuda
