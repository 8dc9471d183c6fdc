// Kernels with mistakes in them: the emulator must find each kind and lay it at the right door. AddressSanitizer, where
// it is on, sees a bad store before the emulator does; the emulator then tells who ran.
#include <gmock/gmock.h>

#include "cuda_runs.h"
#include "kernels/cuda/portable.cuh"
#include "kernels/sanitizer.h"

namespace erg::kernels::cuda {
namespace {

using test::cuda_stream;
using test::DeviceArray;

/// A pattern for the message of an error by one thread, given what the emulator says of it by itself.
std::string blamed(const std::string& kernel, const std::string& block, const std::string& thread,
                   const std::string& message, bool seen_by_sanitizer = false) {
  return "erg emulator: kernel .*" + kernel + ".*block \\(" + block + ".*thread \\(" + thread + ".*" +
         (ERG_ASAN && seen_by_sanitizer ? "AddressSanitizer" : message);
}

__global__ void store_shared(int at, float* y) {
  ERG_SHARED(float, s);
  if (threadIdx.x == 5 && blockIdx.x == 1) s[at] = 1;
  y[threadIdx.x] = 0;
}

TEST(CudaEmulatorDeathTest, StoreOutsideSharedMemory) {
  DeviceArray<float> y(8);
  const auto store = [&](int at) { launch(store_shared, 2, 8, 40, cuda_stream(), at, y.data()); };
  const std::string beside = ERG_ASAN ? blamed("store_shared", "1, 0, 0", "5, 0, 0", "", true)
                                      : "store_shared.*block \\(1, 0, 0.*wrote just outside its 40 bytes of shared";
  store(9);
  EXPECT_DEATH(store(10), beside);
  EXPECT_DEATH(store(-1), beside);
  EXPECT_DEATH(store(100), blamed("store_shared", "1, 0, 0", "5, 0, 0", "400 bytes from the beginning of 40 bytes"));
}

__global__ void store_global(int64_t n, float* y) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i < 100 ? i : 1 + (int64_t(1) << 29)] = 1;  // y[101] at first; 2 GiB off when far
}

__global__ void store_without_check(float* y) { y[blockIdx.x * blockDim.x + threadIdx.x] = 1; }

TEST(CudaEmulatorDeathTest, StoreOutsideGlobalMemory) {
  DeviceArray<float> y(100);
  const auto store = [&](auto kernel, auto... arguments) { launch(kernel, 4, 32, 0, cuda_stream(), arguments...); };
  EXPECT_DEATH(store(store_without_check, y.data()),
               ERG_ASAN ? blamed("store_without_check", "3, 0, 0", "4, 0, 0", "", true)
                        : "kernel .*store_without_check.*wrote 112 bytes past the end of a block of 400 bytes");
  EXPECT_DEATH(store(store_global, int64_t(128), y.data()),
               blamed("store_global", "3, 0, 0", "4, 0, 0", "far from any block of device memory"));
}

__global__ void diverge(int kind) {
  if (kind == 0 && threadIdx.x < 40) __syncthreads();
  if (kind == 1) {
    if (threadIdx.x < 40) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  }
  if (kind == 2) {
    if (threadIdx.x < 40) {
      __syncthreads();
    } else if (threadIdx.x == 40) {
      __syncwarp(0x300u);
    }
  }
}

TEST(CudaEmulatorDeathTest, DivergentBarrier) {
  const auto run = [](int kind) { launch(diverge, 2, 64, 0, cuda_stream(), kind); };
  EXPECT_DEATH(run(0),
               "diverge.*block \\(0, 0, 0\\).*deadlock of its 64 threads: threads 0 to 39 at the barrier "
               "__syncthreads .*cuda_emulator_bugs_test.cpp:[0-9]+\\); threads 40 to 63 exited");
  EXPECT_DEATH(run(1), blamed("diverge", "0, 0, 0", "40, 0, 0", "divergent barrier: .* and 40 others at"));
  EXPECT_DEATH(run(2),
               "threads 0 to 39 at the barrier .*; threads 40 to 40 at the warp collective __syncwarp .* for "
               "lanes 0x00000300; threads 41 to 63 exited");
}

__global__ void misuse_mask(int kind) {
  const unsigned lane = threadIdx.x;
  if (kind == 0) __shfl_sync(0x0000FFFFu, 1, 0);
  if (kind == 1 && lane != 7) __shfl_sync(all_lanes, 1, 0);
  if (kind == 2) __shfl_sync(lane == 9 ? 0x0000FFFFu : all_lanes, 1, 0);
}

TEST(CudaEmulatorDeathTest, MisusedMask) {
  const auto run = [](int kind, unsigned threads) { launch(misuse_mask, 1, threads, 0, cuda_stream(), kind); };
  EXPECT_DEATH(run(0, 32), blamed("misuse_mask", "0, 0, 0", "16, 0, 0", "lane 16 is not in its own mask 0x0000ffff"));
  EXPECT_DEATH(run(1, 32),
               "threads 0 to 6 at the warp collective __shfl_sync .* lanes 0xffffffff; threads 7 to 7 exited");
  EXPECT_DEATH(run(2, 32), blamed("misuse_mask", "0, 0, 0", "31, 0, 0", "lanes disagree: .* lane 9 at .*0x0000ffff"));
  EXPECT_DEATH(run(2, 20), blamed("misuse_mask", "0, 0, 0", "0, 0, 0", "names lanes that do not exist; .* has 20"));
}

__global__ void copy_wrongly(int kind, float* x, float* y) {
  ERG_SHARED(float, s);
  if (threadIdx.x == 3) {
    if (kind == 0) copy_async(s, x);  // and never waits
    if (kind == 1) copy_async(s, x + 1);
    if (kind == 2) copy_async_word(reinterpret_cast<char*>(s) + 2, x);
    if (kind == 3) copy_async(y, x);
    if (kind == 4) copy_async(s + 4, x);
    uint32_t r[4];
    if (kind == 5) load_matrices(r, s + 1);
    commit_copies();
  }
}

TEST(CudaEmulatorDeathTest, WrongCopy) {
  DeviceArray<float> x(8), y(8);
  float on_host[4] = {};
  const auto dies = [&](int kind, float* from, const char* message) {
    EXPECT_DEATH(launch(copy_wrongly, 1, 4, 16, cuda_stream(), kind, from, y.data()),
                 blamed("copy_wrongly", "0, 0, 0", "3, 0, 0", message));
  };
  dies(0, x.data(), "exits with 1 copies .* under way");
  dies(0, on_host, "copy_async from .*, which is not device memory");
  dies(1, x.data(), "misaligned copy_async .* multiples of 16");
  dies(2, x.data(), "misaligned copy_async_word .* multiples of 4");
  dies(3, x.data(), "which is not in the block's 16 bytes of shared memory");
  dies(4, x.data(), "which is not in the block's 16 bytes of shared memory");
  dies(5, x.data(), "misaligned load_matrices");
}

TEST(CudaEmulatorDeathTest, HostTouchesDeviceMemory) {
  DeviceArray<float> x(4);
  volatile float* const pointer = x.data();
  EXPECT_DEATH((void)*pointer, "erg emulator: the host: read or wrote device memory");
  EXPECT_DEATH(*pointer = 1, "erg emulator: the host: read or wrote device memory");
}

__global__ void recurse(int depth, float* y) {
  volatile float large[1024];
  large[depth % 1024] = 1;
  if (depth > 0) recurse(depth - 1, y);
  y[0] = large[depth % 1024];
}

TEST(CudaEmulatorDeathTest, StackOverflow) {
  DeviceArray<float> y(1);
  launch(recurse, 1, 1, 0, cuda_stream(), 10, y.data());
  EXPECT_DEATH(launch(recurse, 1, 1, 0, cuda_stream(), 1000, y.data()),
               blamed("recurse", "0, 0, 0", "0, 0, 0", "stack overflow"));
}

__global__ void scale(float factor, float* x) { x[threadIdx.x] *= factor; }

TEST(CudaEmulatorDeathTest, NullPointer) {
#if ERG_ASAN
  GTEST_SKIP() << "the sanitizers report it first";
#endif
  EXPECT_DEATH(launch(scale, 1, 4, 0, cuda_stream(), 2.f, static_cast<float*>(nullptr)),
               blamed("scale", "0, 0, 0", "0, 0, 0", "fault at .*, which is neither device nor shared memory"));
}

}  // namespace
}  // namespace erg::kernels::cuda
