// Reals as bytes on the device: a thread turns four neighbouring elements over with the functions of quantise.h, and
// four bytes travel in one access, as four reals do.
#include "../quantise.h"

#include "noise.cuh"

namespace erg::kernels::cuda {

namespace {

__global__ void __launch_bounds__(walk_threads)
    quantise_kernel(ByteRange range, Fours fours, const real* x, uint8_t* q) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    const Four<real> point = load(x, part);
    Four<uint8_t> byte;
    for (int k = 0; k < 4; ++k) byte.at[k] = byte_of(range, point.at[k]);
    store(q, part, byte);
  }
}

__global__ void __launch_bounds__(walk_threads)
    dequantise_kernel(ByteRange range, NoiseKey key, Fours fours, const uint8_t* q, real* x) {
  const Draw draw(key);
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    const Four<uint8_t> byte = load(q, part);
    const philox::Block words = draw.words(first_block(key) + i);
    Four<real> point;
    for (int k = 0; k < 4; ++k) point.at[k] = point_of(range, byte.at[k], philox::unit<real>(words.word[k]));
    store(x, part, point);
  }
}

__global__ void __launch_bounds__(walk_threads)
    bin_centres_kernel(ByteRange range, Fours fours, const uint8_t* q, real* x) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    const Four<uint8_t> byte = load(q, part);
    Four<real> point;
    for (int k = 0; k < 4; ++k) point.at[k] = point_of(range, byte.at[k], real(0.5));
    store(x, part, point);
  }
}

}  // namespace

void quantise(const Stream& stream, const ByteRange& range, int64_t n, const real* x, uint8_t* q) {
  const Fours fours = fours_of(n, 0, x, q);
  launch_walk(quantise_kernel, fours.count(), stream, range, fours, x, q);
}

void dequantise(const Stream& stream, const ByteRange& range, const NoiseKey& key, int64_t n, const uint8_t* q,
                real* x) {
  const Fours fours = fours_of_draw(key, n, q, x);
  launch_walk(dequantise_kernel, fours.count(), stream, range, key, fours, q, x);
}

void bin_centres(const Stream& stream, const ByteRange& range, int64_t n, const uint8_t* q, real* x) {
  const Fours fours = fours_of(n, 0, q, x);
  launch_walk(bin_centres_kernel, fours.count(), stream, range, fours, q, x);
}

}  // namespace erg::kernels::cuda
