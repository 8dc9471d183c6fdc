#include "ceilings.h"

#include <memory>

#include "../../kernels/cpu/isa.h"
#include "../../kernels/cpu/parallel.h"
#include "../../kernels/kernel.h"

#define ERG_ISA_BODY "../../tools/bench/ceilings.inl"
#include "../../kernels/cpu/isa_expand.h"

namespace erg::kernels::cpu {

namespace {

int64_t operations_at_isa() { ERG_ISA_CALL(multiply_add_operations); }
real multiply_add_at_isa(int64_t passes, real factor, real term) {
  ERG_ISA_CALL(multiply_add_loop, passes, factor, term);
}
void triad_at_isa(int64_t n, real scale, const real* y, real* x) { ERG_ISA_CALL(triad, n, scale, y, x); }

}  // namespace
}  // namespace erg::kernels::cpu

namespace erg::tools {

namespace cpu = kernels::cpu;

Ceiling multiply_add_peak() {
  constexpr int64_t passes = 20000, chunks_per_thread = 16;
  const int64_t chunks = chunks_per_thread * cpu::max_threads();
  const auto kept = std::make_shared<std::vector<real>>(size_t(chunks));
  const auto body = [=] {
    cpu::parallel_for(chunks, 1, [&](int64_t chunk, int64_t) {
      (*kept)[size_t(chunk)] = cpu::multiply_add_at_isa(passes, real(0.5), real(chunk));
    });
  };
  return {"peak", "GFLOP/s", 1e-9 * double(chunks * passes * cpu::operations_at_isa()), Timed(body)};
}

Ceiling triad_bandwidth(const std::string& name, int64_t n) {
  constexpr int64_t grain = 16384;  // that of the kernels
  const auto x = std::make_shared<std::vector<real>>(size_t(n), real(1)), y = std::make_shared<std::vector<real>>(*x);
  const auto body = [=] {
    cpu::parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      cpu::triad_at_isa(end - begin, real(1e-9), y->data() + begin, x->data() + begin);
    });
  };
  return {name, "GB/s", 1e-9 * double(3 * sizeof(real)) * double(n), Timed(body)};
}

}  // namespace erg::tools
