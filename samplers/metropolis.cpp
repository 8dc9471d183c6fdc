#include "metropolis.h"

#include "../kernels/metropolis.h"

namespace erg {

Tensor metropolis_(Chains& chains, const Chains& proposal, const Tensor& log_ratio, const Tensor& uniform) {
  const int64_t count = chains.count(), n = chains.x.shape().row_size();
  Tensor acceptance = Tensor::empty({count}, chains.x.device());
  kernels::metropolis_(stream_of(chains.x), log_ratio.data(), uniform.data(),
                       {count, n, proposal.x.data(), proposal.gradient.data(), proposal.energy.data()},
                       acceptance.mutate(),
                       {count, n, chains.x.mutate(), chains.gradient.mutate(), chains.energy.mutate()});
  return acceptance;
}

}  // namespace erg
