#include "kernel_checks.h"

#include <algorithm>

namespace erg::tools {

namespace {

/// The triad by plain loops: pixel (oy, ox) of y meets tap (ky, kx) at pixel (iy, ix) of x.
struct Products {
  const kernels::ConvShape& s;
  const std::vector<real>&first, &second;

  int64_t x_at(int64_t n, int64_t iy, int64_t ix) const {
    return iy < 0 || iy >= s.h || ix < 0 || ix >= s.w ? -1 : ((n * s.h + iy) * s.w + ix) * s.ci;
  }
  int64_t w_at(int64_t ky, int64_t kx) const { return (ky * s.kw + kx) * s.ci * s.co; }
  int64_t y_at(int64_t n, int64_t oy, int64_t ox) const { return ((n * s.oh() + oy) * s.ow() + ox) * s.co; }
  double product(int64_t i, int64_t j) const { return double(first[size_t(i)]) * double(second[size_t(j)]); }

  Sum y(int64_t element) const {
    const int64_t co = element % s.co, ox = element / s.co % s.ow(), oy = element / s.co / s.ow() % s.oh();
    const int64_t n = element / s.co / s.ow() / s.oh();
    Sum sum;
    for (int64_t ky = 0; ky < s.kh; ++ky)
      for (int64_t kx = 0; kx < s.kw; ++kx) {
        const int64_t from = x_at(n, oy * s.stride - s.pad + ky, ox * s.stride - s.pad + kx);
        for (int64_t ci = 0; from >= 0 && ci < s.ci; ++ci) sum.add(product(from + ci, w_at(ky, kx) + ci * s.co + co));
      }
    return sum;
  }

  Sum dx(int64_t element) const {
    const int64_t ci = element % s.ci, ix = element / s.ci % s.w, iy = element / s.ci / s.w % s.h;
    const int64_t n = element / s.ci / s.w / s.h;
    Sum sum;
    for (int64_t oy = 0; oy < s.oh(); ++oy)
      for (int64_t ox = 0; ox < s.ow(); ++ox) {
        const int64_t ky = iy + s.pad - oy * s.stride, kx = ix + s.pad - ox * s.stride;
        if (ky < 0 || ky >= s.kh || kx < 0 || kx >= s.kw) continue;
        for (int64_t co = 0; co < s.co; ++co) sum.add(product(y_at(n, oy, ox) + co, w_at(ky, kx) + ci * s.co + co));
      }
    return sum;
  }

  Sum dw(int64_t element) const {
    const int64_t co = element % s.co, ci = element / s.co % s.ci, kx = element / s.co / s.ci % s.kw;
    const int64_t ky = element / s.co / s.ci / s.kw;
    Sum sum;
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t oy = 0; oy < s.oh(); ++oy)
        for (int64_t ox = 0; ox < s.ow(); ++ox) {
          const int64_t from = x_at(n, oy * s.stride - s.pad + ky, ox * s.stride - s.pad + kx);
          if (from >= 0) sum.add(product(from + ci, y_at(n, oy, ox) + co));
        }
    return sum;
  }
};

/// The column of a channel.
template <class F>
void for_rows(const kernels::NormShape& s, int64_t channel, const F& f) {
  for (int64_t row = 0; row < s.rows; ++row) f(size_t(row * s.channels + channel));
}

double leaky_relu(double y, double negative_slope) { return y < 0 ? y * negative_slope : y; }

}  // namespace

LawCheck check_elements(const Tensor& result, Precision precision,
                        const std::function<Sum(int64_t element)>& expected) {
  constexpr int64_t elements = 16;
  const std::vector<real> got = result.to_host();
  double largest = 0;
  for (int64_t i = 0; i < elements; ++i) {
    const int64_t element = int64_t(got.size()) * i / elements;
    const Sum sum = expected(element);
    const double difference = std::abs(double(got[size_t(element)]) - sum.value) / (sum.magnitude + 1e-30);
    largest = difference <= largest ? largest : difference;  // NaN counts as large
  }
  return {largest <= (precision == Precision::tf32 ? 2e-3 : 1e-5), {{"difference", largest}}};
}

LawCheck check_gemm(const kernels::GemmShape& s, Precision precision, const Tensor& a, const Tensor& b,
                    const Tensor& c) {
  const std::vector<real> left = a.to_host(), right = b.to_host();
  return check_elements(c, precision, [&](int64_t element) {
    const int64_t i = element / s.n, j = element % s.n;
    Sum sum;
    for (int64_t p = 0; p < s.k; ++p)
      sum.add(double(left[size_t(s.transpose_a ? p * s.m + i : i * s.k + p)]) *
              double(right[size_t(s.transpose_b ? j * s.k + p : p * s.n + j)]));
    return sum;
  });
}

LawCheck check_convolution(Convolution which, const kernels::ConvShape& s, Precision precision, const Tensor& first,
                           const Tensor& second, const Tensor& result) {
  const std::vector<real> a = first.to_host(), b = second.to_host();
  const Products products{s, a, b};
  return check_elements(result, precision, [&](int64_t element) {
    return which == Convolution::forward ? products.y(element)
           : which == Convolution::dx    ? products.dx(element)
                                         : products.dw(element);
  });
}

LawCheck check_conv2d_bias(const kernels::ConvShape& s, Precision precision, real negative_slope, const Tensor& x,
                           const Tensor& w, const Tensor& bias, const Tensor& y) {
  const std::vector<real> a = x.to_host(), b = w.to_host(), biases = bias.to_host();
  return check_elements(y, precision, [&](int64_t element) {
    Sum sum = Products{s, a, b}.y(element);
    sum.add(double(biases[size_t(element % s.co)]));
    return Sum{leaky_relu(sum.value, negative_slope), sum.magnitude};
  });
}

LawCheck check_batch_norm(const kernels::NormShape& s, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                          const Tensor& y) {
  const std::vector<real> xs = x.to_host(), gammas = gamma.to_host(), betas = beta.to_host();
  return check_elements(y, Precision::fp32, [&](int64_t element) {
    const int64_t channel = element % s.channels;
    double sum = 0, squares = 0;
    for_rows(s, channel, [&](size_t i) { sum += double(xs[i]); });
    const double mean = sum / double(s.rows);
    for_rows(s, channel, [&](size_t i) { squares += (double(xs[i]) - mean) * (double(xs[i]) - mean); });
    const double rstd = 1 / std::sqrt(squares / double(s.rows) + double(s.epsilon));
    Sum result;
    result.add((double(xs[size_t(element)]) - mean) * rstd * double(gammas[size_t(channel)]));
    result.add(double(betas[size_t(channel)]));
    return Sum{leaky_relu(result.value, s.negative_slope), result.magnitude};
  });
}

LawCheck check_batch_norm_backward(const kernels::NormShape& s, const Tensor& g, const Tensor& x, const Tensor& gamma,
                                   const Tensor& beta, const Tensor& dx) {
  const std::vector<real> gs = g.to_host(), xs = x.to_host(), gammas = gamma.to_host(), betas = beta.to_host();
  return check_elements(dx, Precision::fp32, [&](int64_t element) {
    const size_t channel = size_t(element % s.channels);
    const double scale = double(gammas[channel]), shift = double(betas[channel]);
    const auto cotangent = [&](size_t i) {
      return double(gs[i]) * (double(xs[i]) * scale + shift < 0 ? double(s.negative_slope) : 1.0);
    };
    double dbeta = 0, dgamma = 0;
    for_rows(s, int64_t(channel), [&](size_t i) {
      dbeta += cotangent(i);
      dgamma += cotangent(i) * double(xs[i]);
    });
    const size_t i = size_t(element);
    Sum sum;
    sum.add(scale * cotangent(i));
    sum.add(-scale * (dbeta + double(xs[i]) * dgamma) / double(s.rows));
    return sum;
  });
}

}  // namespace erg::tools
