// Scalar mathematics against the C library in double: a sweep through the floats, special values, and the promises
// about NaN. The float functions are run in loops at every instruction set, because fused multiply-adds change last
// places.
#include "kernels/math.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/isa.h"

#define ERG_ISA_BODY "tests/math_loops.inl"
#include "kernels/cpu/isa_expand.h"

namespace erg::kernels::cpu {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();
constexpr float smallest_normal = std::numeric_limits<float>::min();

using testing::IsNan;

struct Function {
  const char* name;
  void (*run)(int n, const float* x, float* y);
  double (*exact)(double x);
  double low, high;  // where the accuracy is promised
  double ulps;       // the promise
};

void PrintTo(const Function& f, std::ostream* out) { *out << f.name; }

#define ERG_LOOP(f) [](int n, const float* x, float* y) { ERG_ISA_CALL(f, n, x, y); }

double exact_sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double exact_softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
// The argument is a float, so taking off multiples of 1/2 is exact, and sin(pi t) is right to the last bits at its
// zeros.
double exact_sinpi(double t) {
  return std::fabs(t) <= 0.5 ? std::sin(M_PI * t) : std::copysign(std::sin(M_PI * (1 - std::fabs(t))), t);
}
double exact_cospi(double t) { return std::sin(M_PI * (0.5 - std::fabs(t))); }

const Function functions[] = {
    {"exp", ERG_LOOP(exp), std::exp, -infinity, infinity, 1.1},
    {"log", ERG_LOOP(log), std::log, 0, infinity, 0.95},
    {"log_positive", ERG_LOOP(log_positive), std::log, smallest_normal, largest, 0.95},
    {"log1p", ERG_LOOP(log1p), std::log1p, -1, infinity, 1.6},
    {"tanh", ERG_LOOP(tanh), std::tanh, -infinity, infinity, 2.1},
    {"sigmoid", ERG_LOOP(sigmoid), exact_sigmoid, -infinity, infinity, 1.9},
    {"softplus", ERG_LOOP(softplus), exact_softplus, -infinity, infinity, 1.8},
    {"sqrt", ERG_LOOP(sqrt), std::sqrt, 0, infinity, 0.5},
    {"abs", ERG_LOOP(abs), std::fabs, -infinity, infinity, 0},
    {"sin", ERG_LOOP(sin), std::sin, -1e4, 1e4, 1.6},
    {"cos", ERG_LOOP(cos), std::cos, -1e4, 1e4, 1.6},
    {"sinpi", ERG_LOOP(sinpi), exact_sinpi, -1, 1, 1.7},
    {"cospi", ERG_LOOP(cospi), exact_cospi, -1, 1, 1.7},
};

/// The distance from y to `exact` in units of the last place a float has there. Both infinite of one sign: 0.
double ulps(float y, double exact) {
  if (std::isinf(float(exact)) || std::isinf(y) || std::isnan(y)) return y == float(exact) ? 0 : infinity;
  int exponent = 0;
  std::frexp(std::max(std::fabs(exact), double(smallest_normal)), &exponent);
  return std::fabs(y - exact) / std::ldexp(1.0, exponent - 24);
}

class MathTest : public testing::TestWithParam<Function> {
 protected:
  void TearDown() override { set_isa(available_isas().back()); }
};

TEST_P(MathTest, StaysWithinItsUlps) {
  const Function& f = GetParam();
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 4093) {  // a prime step, so that all mantissas occur
    const float value = std::bit_cast<float>(uint32_t(bits));
    if (value >= f.low && value <= f.high) x.push_back(value);
  }
  ASSERT_GT(x.size(), 100000u);
  for (Isa level : available_isas()) {
    set_isa(level);
    std::vector<float> y(x.size());
    f.run(int(x.size()), x.data(), y.data());
    double worst = 0;
    float where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double distance = ulps(y[i], f.exact(x[i]));
      if (!(distance <= worst)) worst = distance, where = x[i];
    }
    EXPECT_LE(worst, f.ulps) << "at " << where << ", " << name(level);
  }
}

INSTANTIATE_TEST_SUITE_P(Sweep, MathTest, testing::ValuesIn(functions),
                         [](const auto& test) { return std::string(test.param.name); });

const Function& find(const std::string& name) {
  for (const Function& f : functions)
    if (f.name == name) return f;
  throw std::invalid_argument("no function " + name);
}

/// f at x, at the best level, in the middle of a vector.
float at(const std::string& name, float x) {
  const std::vector<float> in(19, x);
  std::vector<float> out(19);
  find(name).run(19, in.data(), out.data());
  return out[7];
}

TEST(MathSpecialValues, NanStaysNan) {
  for (const Function& f : functions) {
    if (std::string(f.name) == "log_positive") continue;
    EXPECT_THAT(at(f.name, nan), IsNan()) << f.name;
    EXPECT_THAT(at(f.name, -nan), IsNan()) << f.name;
  }
}

TEST(MathSpecialValues, EndsOfTheRange) {
  EXPECT_EQ(at("exp", infinity), infinity);
  EXPECT_EQ(at("exp", -infinity), 0.f);
  EXPECT_EQ(at("exp", 88.8f), infinity);
  EXPECT_EQ(at("exp", 0.f), 1.f);
  EXPECT_EQ(at("log", infinity), infinity);
  EXPECT_EQ(at("log", 0.f), -infinity);
  EXPECT_EQ(at("log", -0.f), -infinity);
  EXPECT_THAT(at("log", -1e-40f), IsNan());
  EXPECT_THAT(at("log", -infinity), IsNan());
  EXPECT_EQ(at("log", 1.f), 0.f);
  EXPECT_EQ(at("log1p", -1.f), -infinity);
  EXPECT_THAT(at("log1p", -1.0000001f), IsNan());
  EXPECT_THAT(at("log1p", -infinity), IsNan());
  EXPECT_EQ(at("log1p", infinity), infinity);
  EXPECT_EQ(at("tanh", infinity), 1.f);
  EXPECT_EQ(at("tanh", -infinity), -1.f);
  EXPECT_EQ(at("tanh", 10.f), 1.f);
  EXPECT_EQ(at("sigmoid", infinity), 1.f);
  EXPECT_EQ(at("sigmoid", -infinity), 0.f);
  EXPECT_EQ(at("sigmoid", 0.f), 0.5f);
  EXPECT_EQ(at("softplus", infinity), infinity);
  EXPECT_EQ(at("softplus", -infinity), 0.f);
  EXPECT_THAT(at("sqrt", -1.f), IsNan());
  EXPECT_EQ(at("sqrt", infinity), infinity);
}

TEST(MathSpecialValues, SinAndCosRefuseWhatTheyCannotReduce) {
  for (float x : {infinity, -infinity, 5e6f, -5e6f, largest}) {
    EXPECT_THAT(at("sin", x), IsNan()) << x;
    EXPECT_THAT(at("cos", x), IsNan()) << x;
  }
  EXPECT_NEAR(at("sin", 3e6f), std::sin(3e6), 0.5);  // ulp(3e6)/2 = 0.125 of error in x
}

TEST(MathSpecialValues, OddFunctionsKeepTheSignOfZero) {
  for (const char* odd : {"log1p", "tanh", "sin", "sinpi"})
    for (float zero : {0.f, -0.f}) {
      EXPECT_EQ(at(odd, zero), 0.f) << odd;
      EXPECT_EQ(std::signbit(at(odd, zero)), std::signbit(zero)) << odd;
    }
  EXPECT_FALSE(std::signbit(at("abs", -0.f)));
}

TEST(MathSpecialValues, QuartersOfTheCircleAreExact) {
  const float angles[] = {-1, -0.5f, 0, 0.5f, 1};
  const float sines[] = {0, -1, 0, 1, 0}, cosines[] = {-1, 0, 1, 0, -1};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(at("sinpi", angles[i]), sines[i]) << angles[i];
    EXPECT_EQ(at("cospi", angles[i]), cosines[i]) << angles[i];
  }
}

template <class T>
class MathSelection : public testing::Test {};
using RealTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(MathSelection, RealTypes);

TYPED_TEST(MathSelection, MinAndMaxKeepNan) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  EXPECT_EQ(math::max(T(1), T(2)), T(2));
  EXPECT_EQ(math::max(T(2), T(1)), T(2));
  EXPECT_EQ(math::min(T(1), T(2)), T(1));
  EXPECT_EQ(math::min(T(2), T(1)), T(1));
  for (T other : {T(-1), T(0), std::numeric_limits<T>::infinity(), nan}) {
    EXPECT_TRUE(std::isnan(math::max(nan, other)));
    EXPECT_TRUE(std::isnan(math::max(other, nan)));
    EXPECT_TRUE(std::isnan(math::min(nan, other)));
    EXPECT_TRUE(std::isnan(math::min(other, nan)));
  }
}

TYPED_TEST(MathSelection, ClampKeepsNan) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  EXPECT_EQ(math::clamp(T(-3), T(-1), T(2)), T(-1));
  EXPECT_EQ(math::clamp(T(3), T(-1), T(2)), T(2));
  EXPECT_EQ(math::clamp(T(0.5), T(-1), T(2)), T(0.5));
  EXPECT_EQ(math::clamp(T(1e30), -inf, inf), T(1e30));
  EXPECT_TRUE(std::isnan(math::clamp(std::numeric_limits<T>::quiet_NaN(), T(-1), T(2))));
}

TEST(MathDouble, IsTheCLibrary) {
  for (double x : {-800.0, -40.0, -1.5, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1.5, 40.0, 800.0}) {
    EXPECT_DOUBLE_EQ(math::exp(x), std::exp(x));
    EXPECT_DOUBLE_EQ(math::tanh(x), std::tanh(x));
    EXPECT_DOUBLE_EQ(math::sigmoid(x), exact_sigmoid(x));
    EXPECT_DOUBLE_EQ(math::softplus(x), exact_softplus(x));
    EXPECT_DOUBLE_EQ(math::sin(x), std::sin(x));
    EXPECT_DOUBLE_EQ(math::cos(x), std::cos(x));
    EXPECT_DOUBLE_EQ(math::abs(x), std::fabs(x));
    EXPECT_DOUBLE_EQ(math::log(std::fabs(x) + 1e-300), std::log(std::fabs(x) + 1e-300));
    EXPECT_DOUBLE_EQ(math::log1p(std::fabs(x)), std::log1p(std::fabs(x)));
    EXPECT_DOUBLE_EQ(math::sqrt(std::fabs(x)), std::sqrt(std::fabs(x)));
  }
  EXPECT_NEAR(math::sincospi(0.25).sin, std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(math::sincospi(0.25).cos, std::sqrt(0.5), 1e-15);
}

}  // namespace
}  // namespace erg::kernels::cpu
