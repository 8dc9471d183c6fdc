// Noise on the CPU; the contract is in random.h, the tiles in noise_tile.h.
#include "../random.h"

#include <cmath>

#include "isa.h"
#include "noise_tile.h"

#define ERG_ISA_BODY "random.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

void normal(const Stream&, const NoiseKey& key, int64_t n, real* y) {
  for_each_noise_piece(
      key, n, [&](int64_t begin, int64_t end) { ERG_ISA_CALL(normal, key, begin, end, y + (begin - key.first)); });
}

void uniform(const Stream&, const NoiseKey& key, int64_t n, real low, real high, real* y) {
  const real last = std::nextafter(high, low);
  for_each_noise_piece(key, n, [&](int64_t begin, int64_t end) {
    ERG_ISA_CALL(uniform, key, begin, end, low, high, last, y + (begin - key.first));
  });
}

void advance_(const Stream&, uint32_t draws, uint32_t* step) { *step += draws; }

}  // namespace erg::kernels::cpu
