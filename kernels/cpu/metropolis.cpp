// Accept steps on the CPU; the contract is in metropolis.h.
#include "../metropolis.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../math.h"
#include "parallel.h"

namespace erg::kernels::cpu {

namespace {

constexpr int64_t task_elements = 16384;

void copy(int64_t n, const real* from, real* to) { std::copy(from, from + n, to); }

}  // namespace

void metropolis_(const Stream&, const real* log_ratio, const real* uniform, const ChainRows<const real>& proposal,
                 real* acceptance, const ChainRows<real>& current) {
  const int64_t n = current.n, grain = std::max<int64_t>(1, task_elements / std::max<int64_t>(1, n));
  parallel_for(current.chains, grain, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const real ratio = std::isnan(log_ratio[b]) ? -std::numeric_limits<real>::infinity() : log_ratio[b];
      acceptance[b] = std::min(real(1), math::exp(ratio));
      if (!(math::log(1 - uniform[b]) <= ratio)) continue;
      copy(n, proposal.x + b * n, current.x + b * n);
      copy(n, proposal.gradient + b * n, current.gradient + b * n);
      current.energy[b] = proposal.energy[b];
    }
  });
}

void find_nonfinite(const Stream&, int64_t n, const real* x, int64_t* index) {
  *index = std::find_if_not(x, x + n, [](real value) { return std::isfinite(value); }) - x;
}

}  // namespace erg::kernels::cpu
