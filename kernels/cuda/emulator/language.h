// CUDA's words in C++: the keywords vanish, the built-in types and functions are ordinary ones. What is missing here
// does not compile, and some of it is missing on purpose: __shared__ arrays (their overruns could not be found),
// atomics on floating-point numbers (their sums depend on who comes first) and __activemask.
#pragma once

#include <math.h>

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

// ---- Types. A kernel may look at an array of floats through float4, as it may on a GPU, where no compiler reasons
// from types about what may overlap: may_alias says so here.

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct alignas(8) [[gnu::may_alias]] float2 {
  float x, y;
};
struct alignas(16) [[gnu::may_alias]] float4 {
  float x, y, z, w;
};
struct alignas(8) [[gnu::may_alias]] int2 {
  int x, y;
};
struct alignas(16) [[gnu::may_alias]] int4 {
  int x, y, z, w;
};
struct alignas(8) [[gnu::may_alias]] uint2 {
  unsigned x, y;
};
struct alignas(16) [[gnu::may_alias]] uint4 {
  unsigned x, y, z, w;
};

inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// ---- Where a thread is. Only one thread runs at a time, and whoever switches to another sets these (block.cpp), so
// that plain variables do; a debugger sees them under their CUDA names.

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

// ---- Functions of numbers

inline int __popc(unsigned x) { return std::popcount(x); }
/// The position of the lowest bit set, counted from 1; 0 if there is none.
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return std::countl_zero(unsigned(x)); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }

inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }

// Of a number and NaN, the number.
template <class T>
requires std::is_arithmetic_v<T>
constexpr T min(T a, T b) { return b < a || !(a == a) ? b : a; }
template <class T>
requires std::is_arithmetic_v<T>
constexpr T max(T a, T b) { return a < b || !(a == a) ? b : a; }

inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
// The fast ones, which on a GPU are good to a few ulp, are exact here.
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }

// ---- Memory. As only one thread runs at a time, every access is atomic.

template <class T>
T __ldg(const T* address) {
  return *address;
}

template <class T>
concept AtomicInteger = std::same_as<T, int> || std::same_as<T, unsigned> || std::same_as<T, unsigned long long>;

/// The atomics return the old value.
template <AtomicInteger T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = T(std::make_unsigned_t<T>(old) + std::make_unsigned_t<T>(value));  // wraps
  return old;
}
template <AtomicInteger T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = min(old, value);
  return old;
}
template <AtomicInteger T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = max(old, value);
  return old;
}
template <AtomicInteger T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> desired) {
  const T old = *address;
  if (old == expected) *address = desired;
  return old;
}
