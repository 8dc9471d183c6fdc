// Scalar mathematics, written once for every place an elementwise formula runs: CPU loops at each instruction set, and
// CUDA kernels.
//
// The float functions are our own. They have no branches, no tables and no library calls, only arithmetic, selects and
// integer work on the bits, so that a plain loop `for (i) y[i] = math::tanh(x[i])` vectorises, and so that CPU and GPU
// evaluate the same formula (they differ in the last place where one fuses a multiply-add and the other cannot). The
// double functions call the C library: that build checks gradients.
//
// Special values follow C: NaN stays NaN, exp overflows to inf, log(0) = -inf, log of a negative number is NaN. Written
// with `using namespace math` in scope, unqualified calls `exp(x)` work for float, double and any type that brings its
// own overloads.
//
// Accuracies are the worst distances to the exact result, in units of its last place (ulp), met on a sweep of 400
// million floats with and without fused multiply-adds.
#pragma once

#include <math.h>

#include <concepts>
#include <limits>

#include "stream.h"

/// Scalar functions, on both devices.
namespace erg::math {

/// Both at once.
template <class T>
struct SinCos {
  T sin, cos;
};

/// |x|
ERG_HD float abs(float x) { return ::fabsf(x); }
ERG_HD double abs(double x) { return ::fabs(x); }

namespace detail {

inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float nan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float smallest_normal = std::numeric_limits<float>::min();

template <class To, class From>
ERG_HD To bits(From x) {
  return __builtin_bit_cast(To, x);
}

/// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule.
ERG_HD float polynomial(float, float c) { return c; }
template <class... C>
ERG_HD float polynomial(float x, float c, C... higher) {
  return c + x * polynomial(x, higher...);
}

struct Rounded {
  float value;
  int32_t integer;
};

/// The integer nearest to x, |x| < 2^22: adding 1.5 * 2^23 leaves it in the low bits of the sum.
ERG_HD Rounded round_to_nearest(float x) {
  constexpr float shift = 12582912.f;
  const float shifted = x + shift;
  return {shifted - shift, int32_t(bits<uint32_t>(shifted) - bits<uint32_t>(shift))};
}

/// 2^n, n in [-126, 127].
ERG_HD float power_of_two(int32_t n) { return bits<float>(uint32_t(n + 127) << 23); }

/// Flips the sign of x if bit 1 of `quadrant` is set.
ERG_HD float negate_in_lower_half(float x, int32_t quadrant) {
  return bits<float>(bits<uint32_t>(x) ^ ((uint32_t(quadrant) & 2u) << 30));
}

/// exp(x) = 2^n (1 + tail), |tail| < 0.42.
struct ExpParts {
  float tail;
  int32_t n;
};

/// Reduces by ln 2, in two parts so that n times the first is exact, then takes expm1 of the rest, |r| <= ln(2)/2.
ERG_HD ExpParts exp_parts(float x) {
  const Rounded n = round_to_nearest(x * 1.44269504f);
  const float r = (x - n.value * 0.693145752f) - n.value * 1.42860677e-6f;
  const float q = polynomial(r, 0.49999997f, 0.16666542f, 0.0416672044f, 0.00836664718f, 0.00138824992f);
  return {r + r * r * q, n.integer};
}

/// log(1 + f) - k ln 2, for 1 + f in [sqrt(1/2), sqrt(2)). k is minus the exponent, so that f = -0, k = 0 gives -0.
ERG_HD float log_of_parts(float f, float k) {
  const float square = f * f;  // the even and the odd terms apart, so that neither sum waits for the other
  const float p = polynomial(square, 0.333333313f, 0.200012922f, 0.14199695f, 0.127791151f) +
                  f * polynomial(square, -0.250008374f, -0.166227654f, -0.13164185f, -0.0764610618f);
  const float low = -0.5f * square - k * 1.42860677e-6f;
  return (f + (f * square * p + low)) - k * 0.693145752f;
}

/// The k that brings x * 2^k into [sqrt(1/2), sqrt(2)), for a positive normal x.
ERG_HD int32_t minus_exponent(float x) {
  constexpr float sqrt_half = 0.707106781f;
  return -(int32_t(bits<uint32_t>(x) - bits<uint32_t>(sqrt_half)) >> 23);
}

/// x * 2^k by adding to the exponent: x and the result must be normal, or k = 0.
ERG_HD float scale(float x, int32_t k) { return bits<float>(bits<uint32_t>(x) + (uint32_t(k) << 23)); }

/// `y`, which is log at `argument` where that is positive and finite, made right everywhere else.
ERG_HD float log_checked(float y, float argument) {
  const float positive = argument < infinity ? y : argument;
  const float not_positive = argument == 0 ? -infinity : nan;
  return argument > 0 ? positive : not_positive;
}

/// sin and cos of x, by taking away the nearest multiple n pi/2, then swapping and negating by its quadrant.
/// pi/2 comes in four parts (Cody & Waite), the first three so short that n times them is exact for n < 2^13.
ERG_HD SinCos<float> sincos(float x) {
  const float bounded = abs(x) < 4e6f ? x : nan;
  const Rounded n = round_to_nearest(bounded * 0.636619772f);
  const float high = ((bounded - n.value * 1.5703125f) - n.value * 0.000483751297f) - n.value * 7.54953362e-8f;
  const float low = n.value * 2.56334407e-12f;
  const float r = high - low;
  const float lost = (high - r) - low;  // what rounding r left over
  const float z = r * r;
  const float p = r * (z * polynomial(z, -0.166666552f, 0.00833216868f, -0.000195160115f));
  const float s = ::copysignf(r + (p + lost), r);  // sin(-0) = -0
  const float c = polynomial(z, 1.f, -0.5f, 0.0416666456f, -0.00138873036f, 2.44316689e-5f);
  const bool swapped = n.integer & 1;
  return {negate_in_lower_half(swapped ? c : s, n.integer), negate_in_lower_half(swapped ? s : c, n.integer + 1)};
}

}  // namespace detail

/// Correctly rounded.
ERG_HD float sqrt(float x) { return ::sqrtf(x); }
ERG_HD double sqrt(double x) { return ::sqrt(x); }

/// The larger of a and b; NaN if either is NaN (unlike C's fmax).
template <std::floating_point T>
ERG_HD T max(T a, T b) {
  const T largest = a < b ? b : a;  // b = NaN compares false and would be lost
  return b != b ? b : largest;
}

/// The smaller of a and b; NaN if either is NaN (unlike C's fmin).
template <std::floating_point T>
ERG_HD T min(T a, T b) {
  const T smallest = b < a ? b : a;
  return b != b ? b : smallest;
}

/// x brought into [low, high]; a NaN x stays NaN, since it compares false.
template <std::floating_point T>
ERG_HD T clamp(T x, T low, T high) {
  const T raised = x < low ? low : x;
  return raised > high ? high : raised;
}

/// e^x, 1.1 ulp. The scaling by 2^n takes two steps, so that it reaches inf and the denormals.
ERG_HD float exp(float x) {
  const float below = x > 89.f ? 89.f : x;  // exp(89) = inf, exp(-104) = 0; NaN compares false and passes
  const detail::ExpParts e = detail::exp_parts(below < -104.f ? -104.f : below);
  const int32_t half = e.n >> 1;
  return (1 + e.tail) * detail::power_of_two(half) * detail::power_of_two(e.n - half);
}
ERG_HD double exp(double x) { return ::exp(x); }

/// Natural logarithm, 0.9 ulp.
ERG_HD float log(float x) {
  const bool denormal = x < detail::smallest_normal;
  const float normal = denormal ? x * 8388608.f : x;  // 2^23
  const int32_t k = detail::minus_exponent(normal);
  const float y = detail::log_of_parts(detail::scale(normal, k) - 1, float(denormal ? k + 23 : k));
  return detail::log_checked(y, x);
}
ERG_HD double log(double x) { return ::log(x); }

/// log(x) for an x that is known to be positive, normal and finite: less work.
ERG_HD float log_positive(float x) {
  using namespace detail;
  constexpr float sqrt_half = 0.707106781f;
  const uint32_t above = bits<uint32_t>(x) - bits<uint32_t>(sqrt_half);
  const float fraction = bits<float>(bits<uint32_t>(x) - (above & 0xFF800000u));  // in [sqrt(1/2), sqrt(2))
  return log_of_parts(fraction - 1, -float(int32_t(above) >> 23));
}
ERG_HD double log_positive(double x) { return ::log(x); }

/// log(1 + x), 1.6 ulp. With u = 1 + x rounded and k its exponent, 2^k (1 + x) - 1 = 2^k x + (2^k - 1) loses nothing of
/// a small x: then k = 0.
ERG_HD float log1p(float x) {
  const float u = 1 + x;
  const int32_t k = detail::minus_exponent(u);
  const float power = k < -100 ? 0.f : detail::power_of_two(k);  // too small to matter, and soon to represent
  const float f = detail::scale(x, k) - (1 - power);             // in this order -0 stays -0
  return detail::log_checked(detail::log_of_parts(f, float(k)), u);
}
ERG_HD double log1p(double x) { return ::log1p(x); }

/// Hyperbolic tangent, 2.1 ulp (1.9 with fused multiply-adds): with h = expm1(2|x|) / 2 it is h / (1 + h). Where h is
/// small that is taken as h - h h / (1 + h), in which the errors of the division weigh less. Exactly +-1 from |x| = 10
/// on.
ERG_HD float tanh(float x) {
  const float magnitude = abs(x);
  const detail::ExpParts e = detail::exp_parts(2 * (magnitude > 10.f ? 10.f : magnitude));
  const float half_power = detail::power_of_two(e.n - 1);
  const float h = half_power * e.tail + (half_power - 0.5f);
  const float quotient = h / (1 + h);
  return ::copysignf(h < 0.5f ? h - h * quotient : quotient, x);
}
ERG_HD double tanh(double x) { return ::tanh(x); }

/// The logistic function 1 / (1 + e^-x), 1.9 ulp: with z = e^-|x| it is (x < 0 ? z : 1) * (1 - z / (1 + z)), which
/// neither overflows nor cancels.
template <std::floating_point T>
ERG_HD T sigmoid(T x) {
  const T z = exp(-abs(x));
  const T numerator = x < 0 ? z : T(1);
  return numerator - numerator * (z / (1 + z));
}

/// log(1 + e^x), 1.8 ulp, without overflow.
template <std::floating_point T>
ERG_HD T softplus(T x) {
  return max(x, T(0)) + log1p(exp(-abs(x)));
}

/// Sine and cosine, 1.6 ulp for |x| <= 10^4. Beyond, the error grows to that of x's own rounding; from 4 * 10^6 on they
/// are NaN.
ERG_HD float sin(float x) { return detail::sincos(x).sin; }
ERG_HD double sin(double x) { return ::sin(x); }
ERG_HD float cos(float x) { return detail::sincos(x).cos; }
ERG_HD double cos(double x) { return ::cos(x); }

namespace detail {

/// sin and cos of pi (t + q / 2), |t| <= 1/4, where q is the upper two bits of `quadrant`.
ERG_HD SinCos<float> sincospi_of_parts(float t, uint32_t quadrant) {
  constexpr uint32_t sign = 0x80000000u, next_quadrant = 0x40000000u;
  const float z = t * t;
  const float s = t * polynomial(z, 3.14159274f, -5.16770887f, 2.54980397f, -0.589403033f);
  const float c = polynomial(z, 1.f, -4.93480206f, 4.05870771f, -1.33504987f, 0.231357813f);
  const bool odd = int32_t(quadrant << 1) < 0;
  return {bits<float>(bits<uint32_t>(odd ? c : s) ^ (quadrant & sign)),
          bits<float>(bits<uint32_t>(odd ? s : c) ^ ((quadrant + next_quadrant) & sign))};
}

}  // namespace detail

/// sin(pi t) and cos(pi t), 1.7 ulp for |t| <= 1: reduced exactly, by multiples of 1/2.
ERG_HD SinCos<float> sincospi(float t) {
  const detail::Rounded n = detail::round_to_nearest(2 * t);
  return detail::sincospi_of_parts(t - 0.5f * n.value, uint32_t(n.integer) << 30);
}
ERG_HD SinCos<double> sincospi(double t) {
  constexpr double pi = 3.14159265358979323846;
  return {::sin(pi * t), ::cos(pi * t)};
}

/// sin and cos of pi w / 2^31 for a word that stands for a signed number. Rounded to its upper two bits it is the
/// nearest multiple of pi/2, and its other thirty, with a sign of their own, are what is left.
template <class T>
ERG_HD SinCos<T> sincos_of_word(uint32_t w) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return detail::sincospi_of_parts(float(int32_t(w << 2)) * 0x1p-33f, w + 0x20000000u);
  } else {
    return sincospi(T(int32_t(w)) * T(0x1p-31));
  }
}

}  // namespace erg::math
