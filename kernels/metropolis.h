// What samplers with an accept step need: the decision, chain by chain on the device, and the check that an energy is
// a number.
#pragma once

#include "kernel.h"

namespace erg::kernels {

/// The state of `chains` chains of n elements each: positions and gradients [chains, n], energies [chains].
template <class T>
struct ChainRows {
  int64_t chains, n;
  T *x, *gradient, *energy;
};

/// Chain b moves to its proposal when log(1 - uniform[b]) <= log_ratio[b], with uniform in [0,1) (Metropolis et al.
/// 1953, Hastings 1970). acceptance[b] = min(1, exp(log_ratio[b])). A ratio that is NaN rejects with acceptance 0: the
/// proposal lies where the energy cannot be told, or its trajectory left the finite numbers.
ERG_KERNEL(metropolis_, const real* log_ratio, const real* uniform, const ChainRows<const real>& proposal,
           real* acceptance, const ChainRows<real>& current);

/// index[0] = the smallest i < n with x[i] infinite or NaN, or n where there is none.
ERG_KERNEL(find_nonfinite, int64_t n, const real* x, int64_t* index);

}  // namespace erg::kernels
