#include "reference.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "../../kernels/cpu/parallel.h"

namespace erg::tools {

namespace {

using Values = std::vector<double>;

Values in_double(const Tensor& t) {
  const std::vector<real> values = t.to_host();
  return Values(values.begin(), values.end());
}

/// x <- clamp(x - drift clip(dE/dx) + noise xi), `steps` times. xi(step, i) is asked for in order.
template <class Normal>
void run_chain(const Gradient& gradient, const Langevin& l, int64_t steps, std::span<double> x, const Normal& xi) {
  const double clip = l.grad_clip;
  const Values start(x.begin(), x.end());
  Values g(x.size());
  for (int64_t step = 0; step < steps; ++step) {
    gradient(start, x, g);
    for (size_t i = 0; i < x.size(); ++i) {
      const double moved = x[i] - l.drift * std::clamp(g[i], -clip, clip) + l.noise * xi(step, i);
      x[i] = std::clamp(moved, double(l.low), double(l.high));
    }
  }
}

struct DenseLayer {
  size_t in, out;
  Values weight, bias;  // [in,out], [out]
};

/// One convolution on a square image, in the layout of kernels/conv.h.
struct ConvolutionLayer {
  int side, in, k, stride, pad, out_side, out;
  Values weight, bias;  // [k,k,in,out], [out]

  /// Calls f(input, output, weight) with the offsets of `in`, `out` and `in` x `out` consecutive values that meet.
  template <class F>
  void for_each_tap(const F& f) const {
    for (int y = 0; y < out_side; ++y)
      for (int x = 0; x < out_side; ++x)
        for (int ky = 0; ky < k; ++ky)
          for (int kx = 0; kx < k; ++kx) {
            const int from_y = y * stride - pad + ky, from_x = x * stride - pad + kx;
            if (from_y < 0 || from_y >= side || from_x < 0 || from_x >= side) continue;
            f((from_y * side + from_x) * in, (y * out_side + x) * out, (ky * k + kx) * in * out);
          }
  }

  Values forward(const Values& image) const {
    Values result(size_t(out_side * out_side * out));
    for (size_t i = 0; i < result.size(); ++i) result[i] = bias[i % size_t(out)];
    for_each_tap([&](int input, int output, int w) {
      for (int i = 0; i < in; ++i)
        for (int o = 0; o < out; ++o)
          result[size_t(output + o)] += image[size_t(input + i)] * weight[size_t(w + i * out + o)];
    });
    return result;
  }

  Values backward(const Values& derivative) const {
    Values result(size_t(side * side * in));
    for_each_tap([&](int input, int output, int w) {
      for (int i = 0; i < in; ++i) {
        double sum = 0;
        for (int o = 0; o < out; ++o) sum += derivative[size_t(output + o)] * weight[size_t(w + i * out + o)];
        result[size_t(input + i)] += sum;
      }
    });
    return result;
  }
};

}  // namespace

Gradient constant_gradient() {
  return [](auto start, auto, auto gradient) { std::copy(start.begin(), start.end(), gradient.begin()); };
}

Gradient double_well_gradient(double height) {
  return [height](auto, auto x, auto gradient) {
    for (size_t i = 0; i < x.size(); ++i) gradient[i] = 4 * height * x[i] * (x[i] * x[i] - 1);
  };
}

Gradient dense_gradient(const std::vector<Tensor>& weights) {
  std::vector<DenseLayer> layers;
  for (size_t i = 0; i < weights.size(); i += 2)
    layers.push_back(
        {size_t(weights[i].dim(0)), size_t(weights[i].dim(1)), in_double(weights[i]), in_double(weights[i + 1])});
  return [layers](auto, auto x, auto gradient) {
    std::vector<Values> slopes;  // the units' derivatives, layer by layer
    Values value(x.begin(), x.end());
    for (const DenseLayer& l : layers) {
      Values sum = l.bias;
      for (size_t i = 0; i < l.in; ++i)
        for (size_t o = 0; o < l.out; ++o) sum[o] += value[i] * l.weight[i * l.out + o];
      slopes.emplace_back();
      for (double& a : sum) {
        const double sigmoid = 1 / (1 + std::exp(-a));
        slopes.back().push_back(sigmoid * (1 + a * (1 - sigmoid)));
        a *= sigmoid;
      }
      value = sum;
    }
    Values derivative = {1};
    for (size_t k = layers.size(); k-- > 0;) {
      const DenseLayer& l = layers[k];
      if (k + 1 < layers.size())  // the last layer has no unit
        for (size_t o = 0; o < l.out; ++o) derivative[o] *= slopes[k][o];
      Values below(l.in);
      for (size_t i = 0; i < l.in; ++i)
        for (size_t o = 0; o < l.out; ++o) below[i] += derivative[o] * l.weight[i * l.out + o];
      derivative = below;
    }
    std::copy(derivative.begin(), derivative.end(), gradient.begin());
  };
}

Gradient convolution_gradient(const std::vector<Tensor>& weights, const std::vector<Window>& windows, double slope,
                              int side) {
  std::vector<ConvolutionLayer> layers;
  for (size_t i = 0; i < windows.size(); ++i) {
    const Tensor& w = weights[2 * i];
    const int k = int(w.dim(0)), stride = windows[i].stride, pad = windows[i].pad;
    const int out_side = (side + 2 * pad - k) / stride + 1;
    layers.push_back(
        {side, int(w.dim(2)), k, stride, pad, out_side, int(w.dim(3)), in_double(w), in_double(weights[2 * i + 1])});
    side = out_side;
  }
  return [layers, slope](auto, auto x, auto gradient) {
    std::vector<Values> values = {Values(x.begin(), x.end())};  // the input, then every layer's output
    for (const ConvolutionLayer& l : layers) {
      if (values.size() > 1)
        for (double& v : values.back()) v *= v > 0 ? 1 : slope;
      values.push_back(l.forward(values.back()));
    }
    Values derivative = {1};
    for (size_t k = layers.size(); k-- > 0;) {
      derivative = layers[k].backward(derivative);
      if (k > 0)  // a leaky unit's output has the sign of its input
        for (size_t i = 0; i < derivative.size(); ++i) derivative[i] *= values[k][i] > 0 ? 1 : slope;
    }
    std::copy(derivative.begin(), derivative.end(), gradient.begin());
  };
}

Sample reference_chains(const Gradient& gradient, const Langevin& langevin, int64_t steps, int64_t count, int64_t size,
                        double start_limit, uint64_t seed) {
  Sample ends{count, size, Values(size_t(count * size))};
  kernels::cpu::parallel_for(count, 1, [&](int64_t chain, int64_t) {
    std::seed_seq seeds{seed, uint64_t(chain)};
    std::mt19937_64 generator(seeds);
    std::normal_distribution<double> normal;
    const std::span<double> x(ends.values.data() + chain * size, size_t(size));
    for (double& v : x) v = std::clamp(normal(generator), -start_limit, start_limit);
    run_chain(gradient, langevin, steps, x, [&](int64_t, size_t) { return normal(generator); });
  });
  return ends;
}

Sample reference_chains(const Gradient& gradient, const Langevin& langevin, const Tensor& starts,
                        const std::vector<Tensor>& noise) {
  Sample ends{starts.dim(0), starts.shape().row_size(), in_double(starts)};
  kernels::cpu::parallel_for(ends.count, 1, [&](int64_t chain, int64_t) {
    const std::span<double> x(ends.values.data() + chain * ends.size, size_t(ends.size));
    run_chain(gradient, langevin, int64_t(noise.size()), x,
              [&](int64_t step, size_t i) { return noise[size_t(step)].data()[chain * ends.size + int64_t(i)]; });
  });
  return ends;
}

}  // namespace erg::tools
