// The op table: every operation of engine/ops.h, in every pattern of shapes that takes a path of its own.
//
// A row holds what is needed to run an operation, to differentiate it and to price it. It drives the gradient checks
// (gradient_test.cpp, in double), the value, instruction-set, thread and trace checks (op_test.cpp, in float) and the
// operation benchmark. No row, no op: op_test.cpp compares the table with the header and with the functor catalogue.
#pragma once

#include <array>
#include <cctype>
#include <functional>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/ops.h"

namespace erg::test {

/// Where an input's elements are drawn from: each of the intervals is as likely as the others. Several of them keep
/// away from kinks and poles, by more than the step of a difference quotient.
struct Interval {
  double low, high;
};
using Domain = std::vector<Interval>;

inline const Domain anywhere{{-1.5, 1.5}};
inline const Domain positive{{0.5, 2}};
inline const Domain away_from_zero{{-2, -0.5}, {0.5, 2}};
inline const Domain two_bands{{-1.1, -0.9}, {0.9, 1.1}};
inline const Domain about_zero{{-0.05, 0.05}};
// Two domains without a common point, for inputs that are compared with each other.
inline const Domain even_ground{{-1.1, -0.9}, {-0.1, 0.1}, {0.9, 1.1}};
inline const Domain odd_ground{{-0.6, -0.4}, {0.4, 0.6}};

struct Input {
  Shape shape;
  Domain domain = anywhere;
};

using Inputs = std::vector<Tensor>;
/// A price as a function of the inputs' shapes and the output's.
using Price = std::function<double(std::span<const Shape> in, const Shape& out)>;

/// The traffic nobody can avoid: each input read once, the output written once.
inline double compulsory_bytes(std::span<const Shape> in, const Shape& out) {
  int64_t elements = out.size();
  for (const Shape& shape : in) elements += shape.size();
  return double(elements) * sizeof(real);
}
inline Price each_output(double flops) {
  return [=](std::span<const Shape>, const Shape& out) { return flops * double(out.size()); };
}
inline Price each_input(double flops) {
  return [=](std::span<const Shape> in, const Shape&) { return flops * double(in[0].size()); };
}
inline double nothing(std::span<const Shape>, const Shape&) { return 0; }

struct OpCase {
  std::string op;       // its name in engine/ops.h
  std::string pattern;  // what is special about this row
  std::vector<Input> inputs;
  std::function<Tensor(const Inputs&)> f;
  Price flops = each_output(1);
  Price bytes = compulsory_bytes;
  // Relative to the largest element of the gradient. A row with a wider one says why.
  double first_tolerance = 1e-6, second_tolerance = 1e-5;

  std::string name() const { return pattern.empty() ? op : op + " " + pattern; }
};

inline Tensor draw(const Input& input, std::mt19937& generator) {
  std::uniform_int_distribution<size_t> piece(0, input.domain.size() - 1);
  std::vector<real> values(static_cast<size_t>(input.shape.size()));
  for (real& value : values) {
    const Interval interval = input.domain[piece(generator)];
    value = real(std::uniform_real_distribution<double>(interval.low, interval.high)(generator));
  }
  return Tensor::from_host(input.shape, values);
}

/// The inputs of a row: the same ones each time.
inline Inputs draw_inputs(const OpCase& row) {
  std::mt19937 generator(20);
  Inputs inputs;
  for (const Input& input : row.inputs) inputs.push_back(draw(input, generator));
  return inputs;
}

namespace rows {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

/// Floating-point operations of one exp, log or tanh: of the order of its polynomial. For prices, not for tests.
inline constexpr double transcendental = 15;

inline void add_unary(std::vector<OpCase>& table) {
  const auto row = [&](const char* op, Unary f, const Domain& domain, double flops) {
    table.push_back({op, "", {{{2, 5}, domain}}, [f](const Inputs& x) { return f(x[0]); }, each_output(flops)});
  };
  row("log", log, positive, transcendental);
  row("log1p", log1p, positive, transcendental);
  row("softplus", softplus, anywhere, 2 * transcendental);
  row("silu", silu, anywhere, transcendental);
  row("square", square, anywhere, 1);
  row("sin", sin, anywhere, transcendental);
  row("cos", cos, anywhere, transcendental);
  row("exp", exp, anywhere, transcendental);
  row("sqrt", sqrt, positive, 1);
  row("tanh", tanh, anywhere, transcendental);
  row("sigmoid", sigmoid, anywhere, transcendental);
  row("reciprocal", reciprocal, away_from_zero, 1);
  row("relu", relu, away_from_zero, 1);
  row("elu", elu, away_from_zero, transcendental);
  row("abs", abs, away_from_zero, 1);
  table.push_back(
      {"leaky_relu", "", {{{2, 5}, away_from_zero}}, [](const Inputs& x) { return leaky_relu(x[0], real(0.2)); }});
  table.push_back({"clamp", "", {{{2, 9}, {{-2, -0.6}, {-0.4, 0.9}, {1.1, 2}}}}, [](const Inputs& x) {
                     return clamp(x[0], real(-0.5), 1);
                   }});
  table.push_back(
      {"affine", "", {{{2, 5}}}, [](const Inputs& x) { return affine(x[0], real(-1.5), real(0.25)); }, each_output(2)});
}

struct Broadcast {
  const char* pattern;
  Shape a, b;
};
inline const std::vector<Broadcast> broadcasts{
    {"same shape", {2, 3}, {2, 3}},
    {"bias", {2, 2, 3}, {3}},
    {"scalar", {2, 3}, {}},
    {"scalar first", {}, {2, 3}},
    {"[B,1] against [B,C]", {3, 1}, {3, 4}},
    {"row against column", {1, 3}, {4, 1}},
    {"middle", {2, 3, 2}, {2, 1, 2}},
    {"alternating", {2, 1, 3, 1}, {1, 2, 1, 2}},
    {"lower rank", {2, 1}, {2, 2, 3}},
    {"one element", {1, 1}, {1}},
};

inline void add_binary(std::vector<OpCase>& table) {
  const auto op = [&](const char* name, Binary f, const Domain& a, const Domain& b) {
    for (const Broadcast& shapes : broadcasts)
      table.push_back(
          {name, shapes.pattern, {{shapes.a, a}, {shapes.b, b}}, [f](const Inputs& x) { return f(x[0], x[1]); }});
  };
  op("add", add, anywhere, anywhere);
  op("sub", sub, anywhere, anywhere);
  op("mul", mul, anywhere, anywhere);
  op("div", div, anywhere, away_from_zero);
  op("maximum", maximum, even_ground, odd_ground);
  op("minimum", minimum, even_ground, odd_ground);
}

inline void add_reductions(std::vector<OpCase>& table) {
  const auto to = [&](const char* pattern, const Shape& from, const Shape& shape) {
    table.push_back(
        {"sum_to", pattern, {{from}}, [shape](const Inputs& x) { return sum_to(x[0], shape); }, each_input(1)});
    table.push_back(
        {"broadcast_to", pattern, {{shape}}, [from](const Inputs& x) { return broadcast_to(x[0], from); }, nothing});
  };
  to("all", {2, 3, 2}, {});
  to("columns", {4, 3}, {3});
  to("rows", {3, 4}, {3, 1});
  to("middle", {2, 3, 4}, {2, 1, 4});
  to("outer and inner", {2, 3, 2}, {1, 3, 1});
  to("first and third", {2, 3, 2, 2}, {1, 3, 1, 2});
  to("second and fourth", {2, 3, 2, 2}, {2, 1, 2, 1});
  to("channels of images", {2, 2, 3, 2}, {2});
  to("samples of images", {2, 2, 3, 2}, {2, 1, 1, 1});
  to("rank only", {1, 3}, {3});
  to("same shape", {2, 3}, {2, 3});
  table.push_back({"sum", "", {{{2, 3, 2}}}, [](const Inputs& x) { return sum(x[0]); }, each_input(1)});
  table.push_back({"sum", "of a scalar", {{{}}}, [](const Inputs& x) { return sum(x[0]); }, nothing});
  table.push_back({"mean", "", {{{2, 3, 2}}}, [](const Inputs& x) { return mean(x[0]); }, each_input(1)});
  for (const Shape& shape : {Shape{3}, Shape{3, 4}, Shape{2, 2, 3, 2}})
    table.push_back({"sum_per_sample",
                     to_string(shape),
                     {{shape}},
                     [](const Inputs& x) { return sum_per_sample(x[0]); },
                     each_input(1)});
  for (const Shape& shape : {Shape{3}, Shape{3, 5}, Shape{2, 2, 3, 2}}) {
    table.push_back({"max_per_sample",
                     to_string(shape),
                     {{shape}},
                     [](const Inputs& x) { return max_per_sample(x[0]); },
                     each_input(1)});
    table.push_back({"logsumexp_per_sample",
                     to_string(shape),
                     {{shape}},
                     [](const Inputs& x) { return logsumexp_per_sample(x[0]); },
                     each_input(2 * transcendental)});
  }
}

inline void add_matmul(std::vector<OpCase>& table) {
  for (const auto& [m, k, n] : {std::array<int64_t, 3>{2, 3, 4}, {1, 5, 1}, {4, 1, 3}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const Shape a = ta ? Shape{k, m} : Shape{m, k}, b = tb ? Shape{n, k} : Shape{k, n};
        table.push_back(
            {"matmul",
             to_string(a) + (ta ? "^T " : " ") + to_string(b) + (tb ? "^T" : ""),
             {{a}, {b}},
             [ta, tb](const Inputs& x) { return matmul(x[0], x[1], ta, tb); },
             [ta](std::span<const Shape> in, const Shape& out) { return 2 * double(out.size() * in[0][ta ? 0 : 1]); }});
      }
}

/// One geometry of conv2d, which is also one of each of its gradients.
struct Convolution {
  const char* pattern;
  Shape x, w;
  int stride = 1, pad = 0;

  Shape y() const {
    const auto extent = [&](int i) { return (x[i] + 2 * pad - w[i - 1]) / stride + 1; };
    return {x[0], extent(1), extent(2), w[3]};
  }
};
inline const std::vector<Convolution> convolutions{
    {"3x3", {1, 4, 4, 2}, {3, 3, 2, 2}},
    {"3x3 pad 1", {2, 3, 3, 1}, {3, 3, 1, 3}, 1, 1},
    {"3x3 stride 2", {1, 5, 5, 1}, {3, 3, 1, 2}, 2},
    {"stride leaves a row over", {1, 4, 6, 1}, {3, 3, 1, 1}, 2},
    {"4x4 stride 2 pad 1", {1, 4, 4, 2}, {4, 4, 2, 1}, 2, 1},
    {"5x5 stride 2 pad 2", {1, 4, 5, 1}, {5, 5, 1, 1}, 2, 2},
    {"5x5 pad 2 on one pixel", {2, 1, 1, 1}, {5, 5, 1, 2}, 1, 2},
    {"1x1", {1, 2, 3, 3}, {1, 1, 3, 5}},
    {"1x1 stride 2", {1, 3, 4, 2}, {1, 1, 2, 3}, 2},
    {"1x1 pad 1", {1, 2, 2, 1}, {1, 1, 1, 2}, 1, 1},
    {"2x3 kernel", {1, 3, 4, 1}, {2, 3, 1, 2}},
    {"stride 3, pixels no window sees", {1, 6, 5, 1}, {2, 2, 1, 1}, 3},
    {"kernel as large as the image", {2, 3, 2, 2}, {3, 2, 2, 1}},
    {"ci 5", {1, 3, 3, 5}, {2, 2, 5, 1}},
    {"co 17", {1, 2, 2, 1}, {2, 2, 1, 17}, 1, 1},
    {"ci 3, co 17", {1, 2, 1, 3}, {1, 1, 3, 17}},
};

inline void add_convolutions(std::vector<OpCase>& table) {
  for (const Convolution& c : convolutions) {
    const int stride = c.stride, pad = c.pad;
    const int64_t h = c.x[1], w = c.x[2], kh = c.w[0], kw = c.w[1];
    // All three do the work of conv2d: two operations for each element of w at each place of y.
    const Price flops = [work = 2 * double(c.y().size() / c.y()[3] * c.w.size())](auto, auto&) { return work; };
    table.push_back(
        {"conv2d", c.pattern, {{c.x}, {c.w}}, [=](const Inputs& t) { return conv2d(t[0], t[1], stride, pad); }, flops});
    table.push_back({"conv2d_dx",
                     c.pattern,
                     {{c.y()}, {c.w}},
                     [=](const Inputs& t) { return conv2d_dx(t[0], t[1], stride, pad, h, w); },
                     flops});
    table.push_back({"conv2d_dw",
                     c.pattern,
                     {{c.x}, {c.y()}},
                     [=](const Inputs& t) { return conv2d_dw(t[0], t[1], stride, pad, kh, kw); },
                     flops});
  }
}

/// Biases that decide the sign before the activation: the convolutions are smaller than 3.
inline void add_biased_convolutions(std::vector<OpCase>& table) {
  const Domain small{{-0.5, 0.5}}, smaller{{-0.15, 0.15}}, decisive{{-4, -3}, {3, 4}};
  for (const Convolution& c : {Convolution{"3x3 pad 1", {2, 3, 3, 1}, {3, 3, 1, 5}, 1, 1},
                               Convolution{"4x4 stride 2 pad 1", {1, 4, 4, 2}, {4, 4, 2, 3}, 2, 1}})
    for (const real slope : {real(1), real(0.2), real(0)}) {
      const int stride = c.stride, pad = c.pad;
      const double work = 2 * double(c.y().size() / c.y()[3] * c.w.size());
      table.push_back({"conv2d_bias",
                       std::string(c.pattern) + (slope == 1   ? ""
                                                 : slope == 0 ? " relu"
                                                              : " leaky_relu"),
                       {{c.x, small}, {c.w, smaller}, {{c.w[3]}, decisive}},
                       [=](const Inputs& t) { return conv2d_bias(t[0], t[1], t[2], stride, pad, slope); },
                       [work](auto, const Shape& y) { return work + 2 * double(y.size()); }});
    }
}

/// Shifts that decide the sign before the activation: of 18 normalised numbers none is larger than the root of 17.
inline void add_normed_convolutions(std::vector<OpCase>& table) {
  const Domain small{{0.5, 0.9}}, decisive{{-5, -4}, {4, 5}};
  for (const Convolution& c : {Convolution{"3x3 pad 1", {2, 3, 3, 1}, {3, 3, 1, 3}, 1, 1},
                               Convolution{"4x4 stride 2 pad 1", {1, 4, 4, 5}, {4, 4, 5, 3}, 2, 1}})
    for (const real slope : {real(1), real(0.2), real(0)}) {
      const int stride = c.stride, pad = c.pad;
      const int64_t h = c.x[1], w = c.x[2];
      const std::string pattern = std::string(c.pattern) + (slope == 1 ? "" : slope == 0 ? " relu" : " leaky_relu");
      const Price flops = [work = 2 * double(c.y().size() / c.y()[3] * c.w.size())](auto, const Shape& y) {
        return work + 7 * double(y.size());
      };
      const auto inputs = [&](const Shape& image, int64_t channels) {
        return std::vector<Input>{{image}, {c.w}, {{channels}, small}, {{channels}, slope == 1 ? anywhere : decisive}};
      };
      table.push_back(
          {"conv2d_batch_norm", pattern, inputs(c.x, c.w[3]),
           [=](const Inputs& t) { return conv2d_batch_norm(t[0], t[1], t[2], t[3], stride, pad, real(1e-2), slope).y; },
           flops});
      table.push_back({"conv2d_dx_batch_norm", pattern, inputs(c.y(), c.w[2]),
                       [=](const Inputs& t) {
                         return conv2d_dx_batch_norm(t[0], t[1], t[2], t[3], stride, pad, h, w, real(1e-2), slope).y;
                       },
                       flops});
    }
}

inline void add_images(std::vector<OpCase>& table) {
  for (const int k : {1, 2, 3}) {
    const std::string block = std::to_string(k) + "x" + std::to_string(k);
    table.push_back(
        {"avg_pool", block, {{{1, 2 * k, k, 3}}}, [k](const Inputs& x) { return avg_pool(x[0], k); }, each_input(1)});
    table.push_back({"upsample", block, {{{1, 2, 1, 3}}}, [k](const Inputs& x) { return upsample(x[0], k); }, nothing});
  }
  for (const int margin : {0, 1, 2}) {
    const std::string by = "by " + std::to_string(margin);
    table.push_back({"pad", by, {{{2, 2, 1, 3}}}, [=](const Inputs& x) { return pad(x[0], margin); }, nothing});
    table.push_back({"crop", by, {{{1, 5, 6, 2}}}, [=](const Inputs& x) { return crop(x[0], margin); }, nothing});
  }
}

inline void add_norms(std::vector<OpCase>& table) {
  const auto batch_norms = [&](const char* activation, real slope, const Domain& values, const Domain& shifts) {
    for (const Shape& x : {Shape{5, 3}, Shape{2, 2, 3, 2}, Shape{3, 4, 2}, Shape{6, 1}})
      table.push_back(
          {"batch_norm",
           to_string(x) + activation,
           {{x, values}, {{x.back()}, positive}, {{x.back()}, shifts}},
           [slope](const Inputs& t) { return batch_norm(t[0], t[1], t[2], real(1e-3), slope).y; },
           each_input(7),
           [](std::span<const Shape> in, const Shape&) { return 3 * double(in[0].size()) * sizeof(real); }});
  };
  batch_norms("", 1, anywhere, anywhere);
  // An activation bends at zero. A channel's values lie in two bands, and so does what becomes of them, on either side.
  batch_norms(" leaky_relu", real(0.2), two_bands, about_zero);
  batch_norms(" relu", 0, two_bands, about_zero);
  for (const Shape& x : {Shape{3, 4}, Shape{2, 2, 3, 2}})
    table.push_back({"layer_norm",
                     to_string(x),
                     {{x}},
                     [](const Inputs& t) { return layer_norm(t[0], real(1e-3)); },
                     each_input(7)});
}

inline void add_moves(std::vector<OpCase>& table) {
  const auto move = [&](const char* op, const char* pattern, const std::vector<Input>& inputs, auto f) {
    table.push_back({op, pattern, inputs, f, nothing});
  };
  move("reshape", "", {{{2, 6}}}, [](const Inputs& x) { return reshape(x[0], {3, 2, 2}); });
  move("reshape", "same shape", {{{2, 3}}}, [](const Inputs& x) { return reshape(x[0], {2, 3}); });
  move("flatten", "", {{{2, 2, 3, 1}}}, [](const Inputs& x) { return flatten(x[0]); });
  move("concat", "axis 0", {{{2, 3}}, {{1, 3}}}, [](const Inputs& x) { return concat(x, 0); });
  move("concat", "last axis", {{{2, 3}}, {{2, 1}}, {{2, 2}}}, [](const Inputs& x) { return concat(x, 1); });
  move("concat", "middle axis", {{{2, 1, 3}}, {{2, 2, 3}}}, [](const Inputs& x) { return concat(x, 1); });
  move("concat", "channels", {{{1, 2, 2, 3}}, {{1, 2, 2, 2}}}, [](const Inputs& x) { return concat(x, 3); });
  move("concat", "a tensor with itself", {{{2, 3}}}, [](const Inputs& x) { return concat({x[0], x[0]}, 0); });
  move("concat", "of one", {{{2, 3}}}, [](const Inputs& x) { return concat(x, 1); });
  move("slice", "axis 0", {{{4, 3}}}, [](const Inputs& x) { return slice(x[0], 0, 1, 3); });
  move("slice", "last axis", {{{2, 5}}}, [](const Inputs& x) { return slice(x[0], 1, 2, 5); });
  move("slice", "middle axis", {{{2, 4, 3}}}, [](const Inputs& x) { return slice(x[0], 1, 0, 2); });
  move("slice", "whole axis", {{{2, 3}}}, [](const Inputs& x) { return slice(x[0], 1, 0, 3); });
  move("place", "axis 0", {{{2, 3}}}, [](const Inputs& x) { return place(x[0], 0, 1, 4); });
  move("place", "last axis", {{{2, 3}}}, [](const Inputs& x) { return place(x[0], 1, 2, 5); });
  move("place", "middle axis", {{{2, 2, 3}}}, [](const Inputs& x) { return place(x[0], 1, 0, 4); });
  move("permute", "transpose", {{{2, 3}}}, [](const Inputs& x) { return permute(x[0], {1, 0}); });
  move("permute", "NHWC to NCHW", {{{2, 2, 3, 2}}}, [](const Inputs& x) { return permute(x[0], {0, 3, 1, 2}); });
  move("permute", "reversed", {{{2, 3, 1, 2}}}, [](const Inputs& x) { return permute(x[0], {3, 2, 1, 0}); });
  move("permute", "cycle", {{{2, 3, 4}}}, [](const Inputs& x) { return permute(x[0], {1, 2, 0}); });
  move("permute", "identity", {{{2, 3}}}, [](const Inputs& x) { return permute(x[0], {0, 1}); });
}

/// Nothing is a batch too: no element may be read or written, and sums of nothing are zero.
inline void add_empty(std::vector<OpCase>& table) {
  const auto empty = [&](const char* op, const std::vector<Input>& inputs, auto f) {
    table.push_back({op, "of nothing", inputs, f, nothing, compulsory_bytes});
  };
  empty("tanh", {{{0, 3}}}, [](const Inputs& x) { return tanh(x[0]); });
  empty("add", {{{0, 3}}, {{3}}}, [](const Inputs& x) { return x[0] + x[1]; });
  empty("sum", {{{0, 3}}}, [](const Inputs& x) { return sum(x[0]); });
  empty("sum_to", {{{2, 0, 3}}}, [](const Inputs& x) { return sum_to(x[0], {2, 1, 3}); });
  empty("broadcast_to", {{{1, 3}}}, [](const Inputs& x) { return broadcast_to(x[0], {0, 3}); });
  empty("sum_per_sample", {{{0, 3}}}, [](const Inputs& x) { return sum_per_sample(x[0]); });
  empty("matmul", {{{0, 3}}, {{3, 2}}}, [](const Inputs& x) { return matmul(x[0], x[1]); });
  empty("conv2d", {{{0, 3, 3, 2}}, {{2, 2, 2, 1}}}, [](const Inputs& x) { return conv2d(x[0], x[1]); });
  empty("avg_pool", {{{0, 2, 2, 1}}}, [](const Inputs& x) { return avg_pool(x[0], 2); });
  empty("concat", {{{0, 3}}, {{2, 3}}}, [](const Inputs& x) { return concat(x, 0); });
  empty("slice", {{{2, 3}}}, [](const Inputs& x) { return slice(x[0], 1, 2, 2); });
  empty("pad", {{{0, 1, 1, 2}}}, [](const Inputs& x) { return pad(x[0], 1); });
  empty("permute", {{{2, 0, 3}}}, [](const Inputs& x) { return permute(x[0], {2, 0, 1}); });
  table.push_back(
      {"matmul", "over nothing", {{{2, 0}}, {{0, 3}}}, [](const Inputs& x) { return matmul(x[0], x[1]); }, nothing});
}

}  // namespace rows

inline const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> all;
    rows::add_unary(all);
    rows::add_binary(all);
    rows::add_reductions(all);
    rows::add_matmul(all);
    rows::add_convolutions(all);
    rows::add_biased_convolutions(all);
    rows::add_normed_convolutions(all);
    rows::add_images(all);
    rows::add_norms(all);
    rows::add_moves(all);
    rows::add_empty(all);
    return all;
  }();
  return table;
}

/// For INSTANTIATE_TEST_SUITE_P: a row's name in letters, digits and underscores.
inline std::string identifier(const OpCase& row) {
  std::string text;
  for (const char c : row.name()) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      text += c;
    else if (!text.empty() && text.back() != '_')
      text += '_';
  }
  return text;
}

inline void PrintTo(const OpCase& row, std::ostream* out) { *out << row.name(); }

}  // namespace erg::test
