#include "../../kernels/pool.h"

#include <stdexcept>

#include "../ops.h"
#include "../tape.h"

namespace erg {

namespace {

void check(const char* op, const Tensor& x, int k, bool divides) {
  if (x.rank() != 4 || k < 1 || (divides && (x.dim(1) % k || x.dim(2) % k)))
    throw std::invalid_argument("[" + std::string(op) + "] image " + to_string(x.shape()) + ", block " +
                                std::to_string(k) + ": want [N,H,W,C]" +
                                (divides ? " with H and W divisible by the block" : ""));
}

}  // namespace

// Each is k*k times, or one over it, the transpose of the other.
Tensor avg_pool(const Tensor& x, int k) {
  check("avg_pool", x, k, true);
  const kernels::PoolShape s{int(x.dim(0)), int(x.dim(1)) / k, int(x.dim(2)) / k, int(x.dim(3)), k};
  Tensor y = Tensor::empty({s.n, s.h, s.w, s.c}, x.device());
  kernels::avg_pool(stream_of(x), s, x.data(), y.mutate());
  return record("avg_pool", y, From{x, [k](const Tensor& g) { return upsample(g, k) / real(k * k); }});
}

Tensor upsample(const Tensor& x, int k) {
  check("upsample", x, k, false);
  const kernels::PoolShape s{int(x.dim(0)), int(x.dim(1)), int(x.dim(2)), int(x.dim(3)), k};
  Tensor y = Tensor::empty({s.n, s.h * k, s.w * k, s.c}, x.device());
  kernels::upsample(stream_of(x), s, x.data(), y.mutate());
  return record("upsample", y, From{x, [k](const Tensor& g) { return avg_pool(g, k) * real(k * k); }});
}

}  // namespace erg
