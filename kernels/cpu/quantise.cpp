// Reals as bytes on the CPU; the contract is in quantise.h.
#include "../quantise.h"

#include "isa.h"
#include "noise_tile.h"
#include "parallel.h"

#define ERG_ISA_BODY "quantise.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

namespace {
constexpr int64_t grain = 32768;
}

void quantise(const Stream&, const ByteRange& range, int64_t n, const real* x, uint8_t* q) {
  parallel_for(n, grain,
               [&](int64_t begin, int64_t end) { ERG_ISA_CALL(quantise, range, end - begin, x + begin, q + begin); });
}

void dequantise(const Stream&, const ByteRange& range, const NoiseKey& key, int64_t n, const uint8_t* q, real* x) {
  for_each_noise_piece(key, n, [&](int64_t begin, int64_t end) {
    ERG_ISA_CALL(dequantise, range, key, begin, end, q + (begin - key.first), x + (begin - key.first));
  });
}

void bin_centres(const Stream&, const ByteRange& range, int64_t n, const uint8_t* q, real* x) {
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    ERG_ISA_CALL(bin_centres, range, end - begin, q + begin, x + begin);
  });
}

}  // namespace erg::kernels::cpu
