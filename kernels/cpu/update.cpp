// In-place updates on the CPU; the contract is in update.h.
#include "../update.h"

#include "../math.h"
#include "isa.h"
#include "noise_tile.h"
#include "parallel.h"

#define ERG_ISA_BODY "update.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

namespace {

constexpr int64_t grain = 16384;

/// Calls f(n, g, offset) for pieces of every gradient: n of its elements from g on, which update the arena at offset.
template <class F>
void for_each_piece(const Gradients& gradients, const F& f) {
  for (int i = 0; i < gradients.count; ++i) {
    const int64_t offset = gradients.begin[i];
    parallel_for(gradients.end[i] - offset, grain,
                 [&](int64_t begin, int64_t end) { f(end - begin, gradients.g[i] + begin, offset + begin); });
  }
}

}  // namespace

void adam_(const Stream&, const AdamStep& s, const Gradients& gradients, real* m, real* v, real* p) {
  for_each_piece(gradients, [&](int64_t n, const real* g, int64_t offset) {
    ERG_ISA_CALL(adam_, s, n, g, m + offset, v + offset, p + offset);
  });
}

void sgd_(const Stream&, real rate, real momentum, const Gradients& gradients, real* velocity, real* p) {
  for_each_piece(gradients, [&](int64_t n, const real* g, int64_t offset) {
    ERG_ISA_CALL(sgd_, rate, momentum, n, g, velocity + offset, p + offset);
  });
}

void rmsprop_(const Stream&, real rate, real decay, real epsilon, const Gradients& gradients, real* v, real* p) {
  for_each_piece(gradients, [&](int64_t n, const real* g, int64_t offset) {
    ERG_ISA_CALL(rmsprop_, rate, decay, epsilon, n, g, v + offset, p + offset);
  });
}

void clamp_(const Stream&, int64_t n, real low, real high, real* p) {
  parallel_for(n, grain, [&](int64_t begin, int64_t end) { ERG_ISA_CALL(clamp_, end - begin, low, high, p + begin); });
}

void average_(const Stream&, int64_t n, real decay, const real* p, real* average) {
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    ERG_ISA_CALL(average_, end - begin, decay, p + begin, average + begin);
  });
}

void langevin_(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real* x) {
  if (s.noise == 0) {
    parallel_for(n, grain,
                 [&](int64_t begin, int64_t end) { ERG_ISA_CALL(descend, s, end - begin, g + begin, x + begin); });
  } else {
    for_each_noise_piece(key, n, [&](int64_t begin, int64_t end) {
      const int64_t offset = begin - key.first;
      ERG_ISA_CALL(langevin_, s, key, begin, end, g + offset, x + offset);
    });
  }
}

}  // namespace erg::kernels::cpu
