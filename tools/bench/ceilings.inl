// The loops behind ceilings.h, compiled for every instruction set by kernels/cpu/isa_expand.h.

/// Enough independent sums to hide the latency of a multiply-add, few enough to stay in registers with its operands.
constexpr int peak_sums = 12;

/// Operations in one pass of multiply_add_loop.
int64_t multiply_add_operations() { return 2 * peak_sums * lanes; }

/// Multiply-adds and nothing else. The result is returned so that the work is not removed.
real multiply_add_loop(int64_t passes, real factor, real term) {
  const Vector a = factor - Vector{}, b = term - Vector{};
  Vector sum[peak_sums];
  for (int i = 0; i < peak_sums; ++i) sum[i] = real(i) - Vector{};
  for (int64_t pass = 0; pass < passes; ++pass)
#pragma GCC unroll 12
    for (int i = 0; i < peak_sums; ++i) sum[i] = sum[i] * a + b;
  Vector total{};
  for (int i = 0; i < peak_sums; ++i) total += sum[i];
  return total[0];
}

/// x += scale * y: two streams in, one out.
void triad(int64_t n, real scale, const real* __restrict y, real* __restrict x) {
  for (int64_t i = 0; i < n; ++i) x[i] += scale * y[i];
}
