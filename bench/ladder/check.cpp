#include "check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "kernels/philox.h"

namespace erg::ladder {

namespace {

constexpr real nan = std::numeric_limits<real>::quiet_NaN();
constexpr real infinity = std::numeric_limits<real>::infinity();

template <class... T>
std::string format(const char* pattern, T... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// A sum in double, and what its rounding is measured by.
struct Sum {
  double value = 0, magnitude = 0;
};

Sum exact_conv(const ConvShape& s, const std::vector<real>& x, const std::vector<real>& w, int64_t element) {
  const Pixel at = pixel_at(s, element / s.co);
  Sum sum;
  for (int ky = 0; ky < s.kh; ++ky)
    for (int kx = 0; kx < s.kw; ++kx) {
      const real* in = x_at(s, x.data(), at.n, at.row - s.pad + ky, at.column - s.pad + kx);
      for (int c = 0; in && c < s.ci; ++c) {
        const double term = double(in[c]) * double(w_at(s, w.data(), ky, kx, c)[element % s.co]);
        sum.value += term;
        sum.magnitude += std::abs(term);
      }
    }
  return sum;
}

double exact_normal(const NoiseKey& key, uint32_t step, int64_t element) {
  const philox::Block block = philox::draw(uint64_t(element / 4), step, key.stream, key.seed);
  const uint32_t* words = block.word + element % 4 / 2 * 2;
  const auto pair = philox::box_muller<double>(words[0], words[1]);
  return element % 2 == 0 ? pair.first : pair.second;
}

double exact_move(const LangevinUpdate& s, double x, double g) {
  return x - double(s.drift) * std::clamp<double>(g, -s.grad_clip, s.grad_clip);
}

}  // namespace

// ---- Convolution

ConvWork::ConvWork(const ConvShape& s, Device device) : s(s) {
  Noise noise(1, "ladder", device);
  x = noise.normal({s.n, s.h, s.w, s.ci});
  w = noise.normal({s.kh, s.kw, s.ci, s.co});
}

Tensor ConvWork::run(const ConvRung& rung) const {
  Tensor y = Tensor::full({s.n, s.oh(), s.ow(), s.co}, nan, x.device());
  Tensor workspace = Tensor::full({rung.workspace(s)}, nan, x.device());
  rung.run(stream_of(x), s, x.data(), w.data(), workspace.mutate(), y.mutate());
  return y;
}

std::function<void()> ConvWork::repeated(const ConvRung& rung) const {
  Tensor y = Tensor::empty({s.n, s.oh(), s.ow(), s.co}, x.device());
  Tensor workspace = Tensor::empty({rung.workspace(s)}, x.device());
  return [*this, rung, y, workspace]() mutable {
    rung.run(stream_of(x), s, x.data(), w.data(), workspace.mutate(), y.mutate());
  };
}

std::string ConvWork::complaint(const ConvRung& rung, int64_t step) const {
  const std::vector<real> xs = x.to_host(), ws = w.to_host(), y = run(rung).to_host();
  // Relative to the sum of the terms' magnitudes. A factor in tf32 is off by 2^-11 at most, a product by 2^-10.
  const double tolerance = rung.tensor_cores ? 0x1p-9 : 1e-5;
  for (int64_t i = 0; i < int64_t(y.size()); i += step) {
    const Sum exact = exact_conv(s, xs, ws, i);
    if (!(std::abs(y[size_t(i)] - exact.value) <= tolerance * exact.magnitude))
      return format("%s: element %lld is %.8g, expected %.8g", rung.name, (long long)i, y[size_t(i)], exact.value);
  }
  return "";
}

// ---- Langevin

LangevinWork::LangevinWork(int64_t n, Device device) : noise(1, "ladder", device) {
  x = noise.normal({n});
  g = noise.normal({n});
}

Tensor LangevinWork::run(const LangevinRung& rung, const LangevinUpdate& update) const {
  Tensor moved = x.clone();
  Tensor workspace = Tensor::full({rung.workspace(x.size())}, nan, x.device());
  rung.run(stream_of(x), update, noise.key(), x.size(), g.data(), workspace.mutate(), moved.mutate());
  return moved;
}

std::function<void()> LangevinWork::repeated(const LangevinRung& rung) const {
  Tensor moved = x.clone(), workspace = Tensor::empty({rung.workspace(x.size())}, x.device());
  return [*this, rung, moved, workspace]() mutable {
    rung.run(stream_of(x), s, noise.key(), x.size(), g.data(), workspace.mutate(), moved.mutate());
  };
}

std::string LangevinWork::complaint(const LangevinRung& rung) const {
  const std::vector<real> xs = x.to_host(), gs = g.to_host(), moved = run(rung, s).to_host();
  for (size_t i = 0; i < xs.size(); ++i) {
    const double z = exact_normal(noise.key(), noise.step(), int64_t(i));
    const double exact = std::clamp<double>(exact_move(s, xs[i], gs[i]) + s.noise * z, s.low, s.high);
    // A logarithm near 0 is that of a rounded number, and its root may be off by 2.5e-4.
    const double off = rung.own_noise ? std::max<double>(moved[i] - s.high, s.low - moved[i])
                                      : std::abs(moved[i] - exact) - (1e-6 + 3e-4 * s.noise);
    if (!(off <= 0)) return format("%s: element %zu is %.8g, expected %.8g", rung.name, i, moved[i], exact);
  }
  if (!rung.own_noise) return "";

  LangevinUpdate open = s;
  open.low = -infinity, open.high = infinity;
  const std::vector<real> free = run(rung, open).to_host();
  double mean = 0, square = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    const double z = (free[i] - exact_move(open, xs[i], gs[i])) / open.noise;
    mean += z / double(xs.size());
    square += z * z / double(xs.size());
  }
  // Five standard errors of each: 1 and sqrt(2), over the root of n.
  const double error = 5 / std::sqrt(double(xs.size()));
  if (!(std::abs(mean) <= error && std::abs(square - 1) <= std::sqrt(2) * error))
    return format("%s: noise of mean %.4f and mean square %.4f, expected 0 and 1", rung.name, mean, square);
  return "";
}

}  // namespace erg::ladder
