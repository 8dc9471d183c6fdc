// Speed of the CPU kernels: GFLOP/s and the bytes of operands and result a second. Each kernel's result is compared
// with a plain loop at a few elements before it is timed. Threads are those of OMP_NUM_THREADS, the instruction set
// that of ERG_ISA.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/conv.h"
#include "kernels/gemm.h"

namespace erg::kernels {
namespace {

/// Memory aligned as the library's own is.
struct Buffer {
  explicit Buffer(int64_t size) : size(size) {
    const size_t bytes = (size_t(size) * sizeof(real) + 63) / 64 * 64;
    data.reset(static_cast<real*>(std::aligned_alloc(64, bytes ? bytes : 64)));
    std::mt19937 generator(1);
    std::uniform_real_distribution<real> uniform(-1, 1);
    for (int64_t i = 0; i < size; ++i) data[i] = uniform(generator);
  }
  struct Free {
    void operator()(real* p) const { std::free(p); }
  };
  int64_t size;
  std::unique_ptr<real[], Free> data;
};

/// Adds up products in double; `magnitude` is what the rounding of such a sum is measured by.
struct Sum {
  double value = 0, magnitude = 0;
  void add(real a, real b) {
    value += double(a) * double(b);
    magnitude += std::abs(double(a) * double(b));
  }
};

/// Times kernel(first, second, workspace, out) after comparing a few elements of out with
/// expected(first, second, element).
template <class Kernel, class Expected>
void measure(benchmark::State& state, double flops, int64_t first_size, int64_t second_size, int64_t workspace_size,
             int64_t out_size, const Kernel& kernel, const Expected& expected) {
  const Buffer first(first_size), second(second_size);
  Buffer workspace(workspace_size), out(out_size);
  const auto run = [&] { kernel(first.data.get(), second.data.get(), workspace.data.get(), out.data.get()); };
  run();
  for (int i = 0; i < 16; ++i) {
    const int64_t element = out_size * i / 16;
    const Sum sum = expected(first.data.get(), second.data.get(), element);
    if (!(std::abs(out.data[element] - sum.value) <= 1e-5 * sum.magnitude)) return state.SkipWithError("wrong result");
  }
  for (auto _ : state) run();
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] =
      Counter(double(first_size + second_size + out_size) * sizeof(real) * 1e-9, Counter::kIsIterationInvariantRate);
}

void bench_gemm(benchmark::State& state, const GemmShape& s) {
  measure(
      state, s.flops(), s.m * s.k, s.k * s.n, gemm_workspace(cpu_device, s), s.m * s.n,
      [&](const real* a, const real* b, real* workspace, real* c) { gemm(Stream{}, s, a, b, workspace, c); },
      [&](const real* a, const real* b, int64_t element) {
        const int64_t i = element / s.n, j = element % s.n;
        Sum sum;
        for (int64_t p = 0; p < s.k; ++p)
          sum.add(s.transpose_a ? a[p * s.m + i] : a[i * s.k + p], s.transpose_b ? b[j * s.k + p] : b[p * s.n + j]);
        return sum;
      });
}

/// Elements of the triad by plain loops: pixel (oy, ox) of y meets tap (ky, kx) at pixel (iy, ix) of x.
struct Products {
  const ConvShape& s;

  int64_t x_at(int64_t n, int64_t iy, int64_t ix) const {
    return iy < 0 || iy >= s.h || ix < 0 || ix >= s.w ? -1 : ((n * s.h + iy) * s.w + ix) * s.ci;
  }
  int64_t w_at(int64_t ky, int64_t kx) const { return (ky * s.kw + kx) * s.ci * s.co; }
  int64_t y_at(int64_t n, int64_t oy, int64_t ox) const { return ((n * s.oh() + oy) * s.ow() + ox) * s.co; }

  Sum y(const real* x, const real* w, int64_t element) const {
    const int64_t co = element % s.co, ox = element / s.co % s.ow(), oy = element / s.co / s.ow() % s.oh();
    const int64_t n = element / s.co / s.ow() / s.oh();
    Sum sum;
    for (int64_t ky = 0; ky < s.kh; ++ky)
      for (int64_t kx = 0; kx < s.kw; ++kx) {
        const int64_t from = x_at(n, oy * s.stride - s.pad + ky, ox * s.stride - s.pad + kx);
        for (int64_t ci = 0; from >= 0 && ci < s.ci; ++ci) sum.add(x[from + ci], w[w_at(ky, kx) + ci * s.co + co]);
      }
    return sum;
  }

  Sum dx(const real* dy, const real* w, int64_t element) const {
    const int64_t ci = element % s.ci, ix = element / s.ci % s.w, iy = element / s.ci / s.w % s.h;
    const int64_t n = element / s.ci / s.w / s.h;
    Sum sum;
    for (int64_t oy = 0; oy < s.oh(); ++oy)
      for (int64_t ox = 0; ox < s.ow(); ++ox) {
        const int64_t ky = iy + s.pad - oy * s.stride, kx = ix + s.pad - ox * s.stride;
        if (ky < 0 || ky >= s.kh || kx < 0 || kx >= s.kw) continue;
        for (int64_t co = 0; co < s.co; ++co) sum.add(dy[y_at(n, oy, ox) + co], w[w_at(ky, kx) + ci * s.co + co]);
      }
    return sum;
  }

  Sum dw(const real* x, const real* dy, int64_t element) const {
    const int64_t co = element % s.co, ci = element / s.co % s.ci, kx = element / s.co / s.ci % s.kw;
    const int64_t ky = element / s.co / s.ci / s.kw;
    Sum sum;
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t oy = 0; oy < s.oh(); ++oy)
        for (int64_t ox = 0; ox < s.ow(); ++ox) {
          const int64_t from = x_at(n, oy * s.stride - s.pad + ky, ox * s.stride - s.pad + kx);
          if (from >= 0) sum.add(x[from + ci], dy[y_at(n, oy, ox) + co]);
        }
    return sum;
  }
};

void bench_conv2d(benchmark::State& state, const ConvShape& s) {
  measure(
      state, s.flops(), s.x_size(), s.w_size(), conv2d_workspace(cpu_device, s), s.y_size(),
      [&](const real* x, const real* w, real* workspace, real* y) { conv2d(Stream{}, s, x, w, workspace, y); },
      [&](const real* x, const real* w, int64_t element) { return Products{s}.y(x, w, element); });
}

void bench_conv2d_dx(benchmark::State& state, const ConvShape& s) {
  measure(
      state, s.flops(), s.y_size(), s.w_size(), conv2d_dx_workspace(cpu_device, s), s.x_size(),
      [&](const real* dy, const real* w, real* workspace, real* dx) { conv2d_dx(Stream{}, s, dy, w, workspace, dx); },
      [&](const real* dy, const real* w, int64_t element) { return Products{s}.dx(dy, w, element); });
}

void bench_conv2d_dw(benchmark::State& state, const ConvShape& s) {
  measure(
      state, s.flops(), s.x_size(), s.y_size(), conv2d_dw_workspace(cpu_device, s), s.w_size(),
      [&](const real* x, const real* dy, real* workspace, real* dw) { conv2d_dw(Stream{}, s, x, dy, workspace, dw); },
      [&](const real* x, const real* dy, int64_t element) { return Products{s}.dw(x, dy, element); });
}

std::string name(const GemmShape& s) {
  std::ostringstream name;
  name << "gemm/" << s.m << 'x' << s.n << 'x' << s.k << (s.transpose_a ? "/ta" : "") << (s.transpose_b ? "/tb" : "");
  return name.str();
}

std::string name(const char* kernel, const ConvShape& s) {
  std::ostringstream name;
  name << kernel << '/' << s.ci << "to" << s.co << '/' << s.h << 'x' << s.w << "/k" << s.kh << 's' << s.stride << "/n"
       << s.n;
  return name.str();
}

const GemmShape gemm_shapes[] = {
    {512, 512, 512},  {512, 512, 512, true}, {512, 512, 512, false, true},  {1024, 1024, 1024},     {128, 128, 128},
    {64, 1024, 1024}, {1024, 128, 128},      {1024, 128, 128, false, true}, {128, 128, 1024, true}, {1024, 128, 2},
    {1024, 1, 128},   {128, 1, 1024, true},
};

const ConvShape conv_shapes[] = {
    {64, 16, 16, 64, 128, 3, 3, 1, 1}, {64, 8, 8, 128, 256, 3, 3, 1, 1}, {64, 16, 16, 64, 128, 4, 4, 2, 1},
    {64, 16, 16, 64, 128, 5, 5, 2, 2}, {64, 4, 4, 256, 256, 3, 3, 1, 1}, {64, 28, 28, 1, 64, 5, 5, 2, 2},
    {64, 32, 32, 3, 64, 5, 5, 2, 2},   {64, 32, 32, 3, 64, 3, 3, 1, 1},  {64, 4, 4, 512, 1, 4, 4, 1, 0},
    {64, 32, 32, 64, 64, 1, 1, 1, 0},
};

[[maybe_unused]] const bool registered = [] {
  for (const GemmShape& s : gemm_shapes)
    benchmark::RegisterBenchmark(name(s).c_str(), [&s](benchmark::State& state) {
      bench_gemm(state, s);
    })->UseRealTime();
  for (const ConvShape& s : conv_shapes) {
    const auto add = [&s](const char* kernel, void (*bench)(benchmark::State&, const ConvShape&)) {
      benchmark::RegisterBenchmark(name(kernel, s).c_str(), [&s, bench](benchmark::State& state) {
        bench(state, s);
      })->UseRealTime();
    };
    add("conv2d", bench_conv2d);
    add("conv2d_dx", bench_conv2d_dx);
    add("conv2d_dw", bench_conv2d_dw);
  }
  return true;
}();

}  // namespace
}  // namespace erg::kernels
