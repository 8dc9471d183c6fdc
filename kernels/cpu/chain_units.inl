// The elementwise parts of a chain's step, on whole vectors. `activate` and `update` are never inlined: however a
// compiler fuses multiplications with additions, it does so once, and a chain gets the same bits in every tile.
//
// The functions here are good to 2e-7 of the larger of 1 and their value, which is less than math.h promises and takes
// half the time. In the double build, which is for checking, they call math.h lane by lane; they are templates so that
// only the branch for this build is compiled.

/// A unit's output and its derivative, which share most of their work.
struct Activation {
  Vector value, slope;
};

ERG_HD Vector broadcast(real x) { return x - Vector{}; }  // minus, so that -0 stays -0

template <class V, class F>
ERG_HD V each_lane(V x, F f) {
  for (int i = 0; i < lanes; ++i) x[i] = f(x[i]);
  return x;
}

/// c[0] + c[1] x + c[2] x^2 + ... The even and the odd terms apart, so that neither sum waits for the other.
template <int n>
ERG_HD Vector polynomial(Vector x, const real (&c)[n]) {
  const Vector square = x * x;
  Vector sum[2] = {};
#pragma GCC unroll 8
  for (int i = n - 1; i >= 0; --i) sum[i % 2] = i + 2 < n ? c[i] + square * sum[i % 2] : broadcast(c[i]);
  return sum[0] + x * sum[1];
}

/// A register of reals as integers: what comparing two of them gives, and what their bits are.
typedef decltype(Vector{} < Vector{}) Bits;

/// By the sign bit, which is all that the instruction looks at.
ERG_HD Vector if_negative(Vector x, Vector negative, Vector other) { return Bits(x) < 0 ? negative : other; }

/// min(|x|, limit): floats above 0 order like their bits. A NaN is above the limit.
template <class V>
ERG_HD V bounded_magnitude(V x, float limit) {
  const Bits magnitude = Bits(x) & INT32_MAX;
  Bits bound = Bits{} + __builtin_bit_cast(int32_t, limit);
  return V(magnitude < bound ? magnitude : bound);
}

/// e^-|x| = 2^n 2^r, |r| <= 1/2: the first from the exponent's bits, the second from a polynomial. A NaN counts as 87.
template <class V>
ERG_HD V exp_of_minus_magnitude(V x) {
  if constexpr (sizeof(real) == sizeof(float)) {
    const V power = bounded_magnitude(x, 87) * -1.44269504f;                   // at 87 2^n is still a normal number
    const V shifted = power + 12582912.f, r = power - (shifted - 12582912.f);  // 1.5 * 2^23 leaves n in the low bits
    const V y = polynomial(r, {1.f, 0.693147182f, 0.240226462f, 0.0555032883f, 0.00961848069f, 0.00133980123f});
    return V(Bits(y) + (Bits(shifted) << 23));
  } else {
    return each_lane(x, [](real x) { return math::exp(-math::abs(x)); });
  }
}

/// log(1 + z), 0 <= z <= 1: beyond sqrt(2) - 1 as log 2 + log(1 + (z - 1) / 2).
template <class V>
ERG_HD V log1p_of_fraction(V z) {
  if constexpr (sizeof(real) == sizeof(float)) {
    const auto upper = z > 0.414213562f;
    const V f = upper ? 0.5f * z - 0.5f : z;
    const V p = polynomial(f, {0.333333313f, -0.250008374f, 0.200012922f, -0.166227654f, 0.14199695f, -0.13164185f,
                               0.127791151f, -0.0764610618f});
    return (f + f * f * (f * p - 0.5f)) + (upper ? broadcast(0.693147182f) : V{});
  } else {
    return each_lane(z, [](real z) { return math::log1p(z); });
  }
}

/// Eigen's rational approximation. Beyond 9 it is constant, where a float can tell no difference.
template <class V>
ERG_HD V tanh(V x) {
  if constexpr (sizeof(real) == sizeof(float)) {
    const V magnitude = V(Bits(x) & INT32_MAX);
    const V bounded = magnitude > 9 ? broadcast(9) : magnitude, z = bounded * bounded;  // NaN compares false and passes
    const V numerator =
        polynomial(z, {4.89352455891786e-3f, 6.37261928875436e-4f, 1.48572235717979e-5f, 5.12229709037114e-8f,
                       -8.60467152213735e-11f, 2.00018790482477e-13f, -2.76076847742355e-16f});
    const V denominator =
        polynomial(z, {4.89352518554385e-3f, 2.26843463243900e-3f, 1.18534705686654e-4f, 1.19825839466702e-6f});
    return V(Bits(bounded * numerator / denominator) | (Bits(x) & INT32_MIN));
  } else {
    return each_lane(x, [](real x) { return math::tanh(x); });
  }
}

/// 1 / (1 + e^-x), given z = e^-|x|.
ERG_HD Vector sigmoid_of(Vector x, Vector z) { return if_negative(x, z, broadcast(1)) / (1 + z); }

/// Replaces n sums in y by a unit's outputs and writes its derivatives to slope. n is a multiple of `lanes`.
template <class F>
ERG_HD void activate_each(int n, real* y, real* slope, F f) {
  for (int i = 0; i < n; i += lanes) {
    const Activation result = f(load(y + i));
    store(y + i, result.value);
    store(slope + i, result.slope);
  }
}

__attribute__((noinline)) inline void activate(const DenseLayer& layer, int n, real* y, real* slope) {
  using Unit = DenseLayer::Unit;
  switch (layer.unit) {
    case Unit::identity: return activate_each(n, y, slope, [](Vector x) { return Activation{x, broadcast(1)}; });
    case Unit::leaky_relu:
      return activate_each(n, y, slope, [below = broadcast(layer.slope)](Vector x) {
        const Vector slope = if_negative(x, below, broadcast(1));
        return Activation{slope * x, slope};
      });
    case Unit::silu:
      return activate_each(n, y, slope, [](Vector x) {
        const Vector s = sigmoid_of(x, exp_of_minus_magnitude(x)), value = x * s;
        return Activation{value, s + value * (1 - s)};
      });
    case Unit::softplus:
      return activate_each(n, y, slope, [](Vector x) {
        const Vector z = exp_of_minus_magnitude(x), positive = if_negative(x, Vector{}, x);
        return Activation{positive + log1p_of_fraction(z), sigmoid_of(x, z)};
      });
    case Unit::tanh:
      return activate_each(n, y, slope, [](Vector x) {
        const Vector value = tanh(x);
        return Activation{value, 1 - value * value};
      });
  }
}

/// x brought into [low, high]; NaN compares false and passes.
ERG_HD Vector clamp(Vector x, Vector low, Vector high) {
  const Vector raised = x < low ? low : x;
  return raised > high ? high : raised;
}

/// The Langevin step of n coordinates, n a multiple of `lanes`.
__attribute__((noinline)) inline void update(const LangevinUpdate& s, int n, const real* g, const real* z, real* x) {
  const Vector clip = broadcast(s.grad_clip), low = broadcast(s.low), high = broadcast(s.high);
  for (int i = 0; i < n; i += lanes) {
    const Vector moved = load(x + i) - s.drift * clamp(load(g + i), -clip, clip) + s.noise * load(z + i);
    store(x + i, clamp(moved, low, high));
  }
}
