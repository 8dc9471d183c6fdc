#include "ceilings.h"

#include <limits>
#include <memory>

#include "../../engine/random.h"
#include "../../kernels/copy.h"
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

namespace {

/// Bytes of the triad over n elements, each read twice and written once, as a Langevin update's are.
constexpr double triad_bytes(int64_t n) { return double(3 * sizeof(real)) * double(n); }

/// GFLOP/s of multiply-adds whose operands stay in registers.
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

/// GB/s of the triad x += s y over n elements.
Ceiling triad_bandwidth(const std::string& name, int64_t n) {
  constexpr int64_t grain = 16384;  // that of the kernels
  const auto x = std::make_shared<std::vector<real>>(size_t(n), real(1)), y = std::make_shared<std::vector<real>>(*x);
  const auto body = [=] {
    cpu::parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      cpu::triad_at_isa(end - begin, real(1e-9), y->data() + begin, x->data() + begin);
    });
  };
  return {name, "GB/s", 1e-9 * triad_bytes(n), Timed(body)};
}

/// GB/s of a copy of n elements, each read and written once.
Ceiling copy_bandwidth(Device device, int64_t n) {
  const Tensor from = Tensor::zeros({n}, device);
  Tensor to = Tensor::empty({n}, device);
  const auto body = [=]() mutable { kernels::copy_box(stream_of(from), kernels::run_of(n), from.data(), to.mutate()); };
  return {"copy", "GB/s", 1e-9 * double(2 * sizeof(real)) * double(n), Timed(body, device)};
}

/// GFLOP/s of the product of two n x n matrices.
Ceiling product_rate(Device device, Rulers& rulers, int64_t n, Precision precision) {
  const kernels::GemmShape s{n, n, n};
  Noise noise(1, "bench ceilings", device);
  const Tensor a = noise.normal({n, n}), b = noise.normal({n, n});
  Tensor c = Tensor::empty({n, n}, device);
  const InPrecision scope(precision);
  Tensor workspace = Tensor::empty({kernels::gemm_workspace(device, s)}, device);
  const auto own = [=]() mutable {
    const InPrecision inside(precision);
    kernels::gemm(stream_of(a), s, a.data(), b.data(), workspace.mutate(), c.mutate());
  };
  const std::optional<Ruler> ruler = rulers.gemm(s, precision, a.data(), b.data(), c.mutate());
  const std::function<void()> body =
      ruler ? [=] { (void)a, (void)b, (void)c, ruler->launch(); } : std::function<void()>(own);
  return {std::string(name(precision)) + " products", "GFLOP/s", 1e-9 * s.flops(), Timed(body, device)};
}

}  // namespace

Ceilings::Ceilings(Device device, Rulers& rulers, bool small) {
  constexpr double any = std::numeric_limits<double>::infinity();
  if (device.kind == Device::Kind::cuda) {
    const int64_t side = small ? 64 : 4096, elements = small ? 1 << 16 : 1 << 26;
    for (const Precision precision : {Precision::tf32, Precision::fp32})
      products_.emplace(precision, product_rate(device, rulers, side, precision));
    memory_.emplace(any, copy_bandwidth(device, elements));
    remarks_.push_back("ceilings: the gemm of " + std::string(rulers.has_gemm() ? "cuBLAS" : "erg") + ", " +
                       std::to_string(side) + " cubed, and a copy of " + std::to_string(elements) + " floats");
  } else {
    constexpr int64_t in_cache = 1 << 20, in_memory = 1 << 25;
    products_.emplace(Precision::fp32, multiply_add_peak());
    memory_.emplace(triad_bytes(in_cache), triad_bandwidth("cache triad", in_cache));
    memory_.emplace(any, triad_bandwidth("memory triad", in_memory));
  }
}

void Ceilings::measure() {
  for (auto& [precision, ceiling] : products_) ceiling.timed.measure();
  for (auto& [bytes, ceiling] : memory_) ceiling.timed.measure();
}

std::vector<CeilingFigure> Ceilings::figures() const {
  std::vector<CeilingFigure> figures;
  for (const auto& [precision, c] : products_) figures.push_back({c.name, c.unit, c.rate()});
  for (const auto& [bytes, c] : memory_) figures.push_back({c.name, c.unit, c.rate()});
  return figures;
}

Bound Ceilings::bound(double operations, double bytes, Precision precision) const {
  const Ceiling &products = products_.at(precision), &memory = memory_.lower_bound(bytes)->second;
  const double computing = 1e-9 * operations / products.rate(), moving = 1e-9 * bytes / memory.rate();
  return computing > moving ? Bound{products.name, computing} : Bound{memory.name, moving};
}

}  // namespace erg::tools
