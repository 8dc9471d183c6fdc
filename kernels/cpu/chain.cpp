// Langevin chains on a small network's energy, on the CPU. The contract is in chain.h, the work in chain.inl.
#include "../chain.h"

#include <utility>

#include "../math.h"
#include "isa.h"
#include "noise_tile.h"
#include "parallel.h"

#define ERG_ISA_BODY "chain.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

int64_t dense_chain_workspace(const DenseNet& net) { ERG_ISA_CALL(dense_chain_workspace, net); }

void dense_chain_(const Stream&, const DenseNet& net, const LangevinUpdate& s, const NoiseKey& key, int64_t chains,
                  int steps, real* workspace, real* energies, real* x) {
  ERG_ISA_CALL(dense_chain_, net, s, key, chains, steps, workspace, energies, x);
}

}  // namespace erg::kernels::cpu
