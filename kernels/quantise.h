// Reals as bytes: an interval is divided into 256 bins of equal width, and a byte says which bin.
//
// Reading a byte back gives a point of its bin, which a uniform number chooses ("dequantisation", Theis, van den Oord &
// Bethge 2016, section 3.1). Invariant: that point lies in [low, high), and quantising it gives the same byte, whatever
// the uniform number and the rounding. So values that go through bytes again and again do not drift.
#pragma once

#include "kernel.h"
#include "random.h"

namespace erg::kernels {

/// The interval [low, high) that bytes divide. Its bins must be wider than the rounding of low and high.
struct ByteRange {
  real low, high;
};

/// The bin of x: floor(256 (x - low) / (high - low)). What lies outside goes to the nearest bin, NaN to the first.
ERG_HD uint8_t byte_of(const ByteRange& range, real x) {
  const real bin = (x - range.low) * (256 / (range.high - range.low));
  const real at_least = bin > 0 ? bin : 0;
  return uint8_t(int32_t(at_least < 255 ? at_least : real(255)));
}

/// The point of a bin that lies u of its width from its lower end, u in [0,1).
ERG_HD real point_of(const ByteRange& range, uint8_t byte, real u) {
  const real width = (range.high - range.low) / 256;
  const real x = range.low + (real(byte) + u) * width;
  // Close to an end of the bin, rounding may carry x out of it; the bin's centre then stands for it.
  return x < range.high && byte_of(range, x) == byte ? x : range.low + (real(byte) + real(0.5)) * width;
}

/// q[i] = byte_of(x[i]) for i < n.
ERG_KERNEL(quantise, const ByteRange& range, int64_t n, const real* x, uint8_t* q);

/// x[i] = point_of(q[i], u_i) with u_i ~ U[0, 1) for i < n: the numbers that `uniform` draws from the key.
ERG_KERNEL(dequantise, const ByteRange& range, const NoiseKey& key, int64_t n, const uint8_t* q, real* x);

/// x[i] = point_of(q[i], 1/2) for i < n.
ERG_KERNEL(bin_centres, const ByteRange& range, int64_t n, const uint8_t* q, real* x);

}  // namespace erg::kernels
