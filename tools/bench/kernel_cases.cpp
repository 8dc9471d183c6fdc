#include "kernel_cases.h"

#include <array>

#include "../../engine/random.h"
#include "../../kernels/chain.h"
#include "../../kernels/map.h"
#include "../../kernels/norm.h"
#include "../../kernels/reduce.h"
#include "../../kernels/update.h"
#include "kernel_checks.h"

namespace erg::tools {

namespace {

constexpr double element = sizeof(real);

/// Makes what kernels work on.
struct Memory {
  Device device;

  Tensor normals(const Shape& shape) const { return Noise(1, "bench kernels", device).normal(shape); }
  Tensor empty(int64_t n) const { return Tensor::empty({n}, device); }
};

std::optional<Ruler> no_ruler(Rulers&) { return std::nullopt; }

/// Where the cases are listed, and what they are made for.
struct Cases {
  Memory memory;
  bool small;
  std::vector<KernelCase> list;

  /// What to measure here: one of three lists.
  template <class T>
  std::vector<T> sizes(std::vector<T> reduced, std::vector<T> on_cpu, std::vector<T> on_gpu) const {
    return small ? reduced : memory.device.kind == Device::Kind::cpu ? on_cpu : on_gpu;
  }
  /// A kernel whose time is that of its bytes. prepare(memory) returns its run.
  template <class Prepare>
  void add_moving(const std::string& kernel, const std::string& shape, double bytes, const Prepare& prepare) {
    list.push_back({kernel, shape, 0, bytes, false, [prepare, memory = memory](Precision) { return prepare(memory); }});
  }
};

// ---- Elementwise kernels and updates

/// x and its gradient read, x written.
void add_langevin(Cases& cases) {
  const auto prepare = [](const Memory& memory, int64_t n) {
    const Noise noise(1, "bench langevin", memory.device);
    const kernels::LangevinUpdate update{real(0.01), real(0.1), -1, 1, real(0.5)};
    const Tensor g = memory.normals({n});
    Tensor x = memory.normals({n}), xi = memory.empty(n);
    kernels::normal(stream_of(x), noise.key(), n, xi.mutate());
    const auto check = [=, before = x.to_host(), gs = g.to_host(), xis = xi.to_host()] {
      return check_elements(x, Precision::fp32, [&](int64_t element) {
        const auto i = size_t(element);
        Sum sum;
        sum.add(double(before[i]));
        sum.add(-double(update.drift) * std::clamp(double(gs[i]), -double(update.grad_clip), double(update.grad_clip)));
        sum.add(double(update.noise) * double(xis[i]));
        return Sum{std::clamp(sum.value, double(update.low), double(update.high)), sum.magnitude};
      });
    };
    return KernelRun{[=]() mutable { kernels::langevin_(stream_of(x), update, noise.key(), n, g.data(), x.mutate()); },
                     no_ruler, check};
  };
  for (const int64_t n : cases.sizes<int64_t>({1 << 14}, {1 << 18, 1 << 20, 1 << 24}, {64 * 3 * 32 * 32, 1 << 24}))
    cases.add_moving("langevin_", std::to_string(n), 3 * element * double(n),
                     [=](const Memory& memory) { return prepare(memory, n); });
}

/// Parameter and both moments read and written, the gradient read. The gradients are many tensors, as in a network.
KernelRun prepare_adam(const Memory& memory, int64_t n) {
  constexpr int tensors = 25;
  const kernels::AdamStep step{real(1e-4), real(0.9), real(0.999), real(1e-8), real(0.1), real(0.001)};
  const Tensor g = memory.normals({n});
  Tensor p = memory.normals({n});
  const auto launch = [=, m = Tensor::zeros({n}, memory.device), v = Tensor::zeros({n}, memory.device)]() mutable {
    kernels::Gradients gradients;
    const int64_t size = n / tensors / 16 * 16;  // all but the last
    for (int i = 0; i < tensors; ++i)
      gradients.add(g.data() + i * size, i * size, i + 1 < tensors ? size : n - i * size);
    kernels::adam_(stream_of(p), step, gradients, m.mutate(), v.mutate(), p.mutate());
  };
  // The corrections are those of the first step, in which every parameter moves by the rate.
  const auto check = [=, before = p.to_host(), gs = g.to_host()] {
    return check_elements(p, Precision::fp32, [&](int64_t element) {
      const double gradient = double(gs[size_t(element)]);
      Sum sum;
      sum.add(double(before[size_t(element)]));
      sum.add(-double(step.rate) * gradient / (std::abs(gradient) + double(step.epsilon)));
      return sum;
    });
  };
  return {launch, no_ruler, check};
}

void add_adam(Cases& cases) {
  for (const int64_t n : cases.sizes<int64_t>({16000}, {3500000, 50000000}, {3500000, 50000000}))
    cases.add_moving("adam_", std::to_string(n), 7 * element * double(n),
                     [=](const Memory& memory) { return prepare_adam(memory, n); });
}

template <class F, size_t... I>
double apply(const F& f, const std::vector<real>& x, int64_t n, int64_t i, std::index_sequence<I...>) {
  return f(double(x[size_t(int64_t(I) * n + i)])...);
}

/// Every input read, the result written.
template <class F>
void add_map(Cases& cases) {
  const auto prepare = [](const Memory& memory, int64_t n) {
    const Tensor x = memory.normals({F::arity, n});
    Tensor y = memory.empty(n);
    const auto launch = [=]() mutable {
      kernels::MapShape shape{1, {n}, {}};
      const real* inputs[F::arity];
      for (int i = 0; i < F::arity; ++i) shape.strides[i][0] = 1, inputs[i] = x.data() + i * n;
      kernels::map(stream_of(x), F{}, shape, inputs, y.mutate());
    };
    const auto check = [=] {
      return check_elements(y, Precision::fp32, [&, xs = x.to_host()](int64_t element) {
        const double value = apply(F{}, xs, n, element, std::make_index_sequence<F::arity>{});
        return Sum{value, std::abs(value) + 0.1};
      });
    };
    return KernelRun{launch, no_ruler, check};
  };
  for (const int64_t n : cases.sizes<int64_t>({1 << 14}, {1 << 14, 1 << 20, 1 << 24}, {1 << 24}))
    cases.add_moving(F::name, std::to_string(n), (F::arity + 1) * element * double(n),
                     [=](const Memory& memory) { return prepare(memory, n); });
}

/// Everything read once. Of [outer, axis, inner]: a bias's gradient, sums of samples, the sum of all.
void add_sums(Cases& cases) {
  const auto prepare = [](const Memory& memory, const kernels::AxisShape& s) {
    const Tensor x = memory.normals({s.outer * s.axis * s.inner});
    Tensor workspace = memory.empty(kernels::sum_axis_workspace(memory.device, s)), y = memory.empty(s.outer * s.inner);
    const auto launch = [=]() mutable { kernels::sum_axis(stream_of(x), s, x.data(), workspace.mutate(), y.mutate()); };
    const auto check = [=] {
      return check_elements(y, Precision::fp32, [&, xs = x.to_host()](int64_t element) {
        const int64_t first = element / s.inner * s.axis * s.inner + element % s.inner;
        Sum sum;
        for (int64_t a = 0; a < s.axis; ++a) sum.add(double(xs[size_t(first + a * s.inner)]));
        return sum;
      });
    };
    return KernelRun{launch, no_ruler, check};
  };
  for (const kernels::AxisShape& s :
       cases.sizes<kernels::AxisShape>({{1, 256, 64}, {16, 1024, 1}},
                                       {{1, 64 * 16 * 16, 128}, {64, 3 * 32 * 32, 1}, {1, 1 << 20, 1}, {1, 1 << 24, 1}},
                                       {{1, 64 * 32 * 32, 128}, {64, 3 * 32 * 32, 1}, {1, 1 << 24, 1}})) {
    const std::string shape =
        "[" + std::to_string(s.outer) + "x" + std::to_string(s.axis) + "x" + std::to_string(s.inner) + "]";
    cases.add_moving("sum_axis", shape, element * double(s.outer * s.inner * (s.axis + 1)),
                     [=](const Memory& memory) { return prepare(memory, s); });
  }
}

// ---- Batch norm with a leaky ReLU

struct NormCase {
  int64_t images, side, channels;

  kernels::NormShape shape() const { return {images * side * side, channels, real(1e-5), real(0.2)}; }
  int64_t size() const { return images * side * side * channels; }
  std::string text() const {
    return std::to_string(images) + "x" + std::to_string(side) + "x" + std::to_string(side) + "x" +
           std::to_string(channels);
  }
};

/// x read twice (for its moments, and to be normalised) and y written; backward, x and y's gradient read twice and x's
/// gradient written.
void add_batch_norm(Cases& cases, bool backward) {
  for (const NormCase& c :
       cases.sizes<NormCase>({{2, 8, 32}}, {{64, 16, 128}, {64, 32, 64}, {64, 8, 256}}, {{64, 32, 128}})) {
    const double bytes = (backward ? 5 : 3) * element * double(c.size());
    const auto prepare = [c, backward, memory = cases.memory](Precision) {
      const kernels::NormShape s = c.shape();
      const int64_t size = backward ? kernels::batch_norm_backward_workspace(memory.device, s)
                                    : kernels::batch_norm_workspace(memory.device, s);
      const Tensor x = memory.normals({c.size()}), g = memory.normals({c.size()}), gamma = memory.normals({c.channels}),
                   beta = memory.normals({c.channels});
      Tensor result = memory.empty(c.size());
      const auto launch = [=, workspace = memory.empty(size), mean = Tensor::zeros({c.channels}, memory.device),
                           rstd = Tensor::ones({c.channels}, memory.device), dgamma = memory.empty(c.channels),
                           dbeta = memory.empty(c.channels)]() mutable {
        if (backward)
          kernels::batch_norm_backward(stream_of(x), s, g.data(), x.data(), gamma.data(), beta.data(), mean.data(),
                                       rstd.data(), workspace.mutate(), result.mutate(), dgamma.mutate(),
                                       dbeta.mutate());
        else
          kernels::batch_norm(stream_of(x), s, x.data(), gamma.data(), beta.data(), workspace.mutate(), mean.mutate(),
                              rstd.mutate(), result.mutate());
      };
      const auto ruler = [=](Rulers& rulers) mutable {
        return rulers.batch_norm_relu(s, c.images, backward ? g.data() : nullptr, x.data(), result.mutate());
      };
      return KernelRun{launch, ruler, [=] {
                         return backward ? check_batch_norm_backward(s, g, x, gamma, beta, result)
                                         : check_batch_norm(s, x, gamma, beta, result);
                       }};
    };
    cases.list.push_back({backward ? "batch_norm_backward" : "batch_norm", c.text(), 0, bytes, false, prepare});
  }
}

// ---- Products

void add_gemm(Cases& cases) {
  for (const int64_t n : cases.sizes<int64_t>({64}, {64, 128, 256, 512, 1024, 2048}, {1024, 4096, 8192})) {
    const kernels::GemmShape s{n, n, n};
    const auto prepare = [memory = cases.memory, s](Precision precision) {
      const Tensor a = memory.normals({s.m, s.k}), b = memory.normals({s.k, s.n});
      Tensor c = memory.empty(s.m * s.n), workspace = memory.empty(kernels::gemm_workspace(memory.device, s));
      return KernelRun{
          [=]() mutable { kernels::gemm(stream_of(a), s, a.data(), b.data(), workspace.mutate(), c.mutate()); },
          [=](Rulers& rulers) mutable { return rulers.gemm(s, precision, a.data(), b.data(), c.mutate()); },
          [=] { return check_gemm(s, precision, a, b, c); }};
    };
    cases.list.push_back({"gemm", std::to_string(n) + " cubed", s.flops(), 3 * element * double(n * n), true, prepare});
  }
}

/// "64 x 32x32x3 to 64; 4x4 / 2"
std::string text(const kernels::ConvShape& s) {
  return std::to_string(s.n) + " x " + std::to_string(s.h) + "x" + std::to_string(s.w) + "x" + std::to_string(s.ci) +
         " to " + std::to_string(s.co) + "; " + std::to_string(s.kh) + "x" + std::to_string(s.kw) +
         (s.stride > 1 ? " / " + std::to_string(s.stride) : "");
}

/// Convolutions of DCGAN, SNGAN and IGEBM on images of 28 x 28 and 32 x 32.
std::vector<kernels::ConvShape> conv_shapes(Device device, bool small) {
  if (small) return {{2, 8, 8, 3, 16, 3, 3, 1, 1}, {2, 8, 8, 16, 32, 4, 4, 2, 1}};
  if (device.kind == Device::Kind::cpu)
    return {{64, 28, 28, 1, 64, 5, 5, 2, 2},   {64, 32, 32, 3, 64, 3, 3, 1, 1},    {64, 32, 32, 3, 64, 4, 4, 2, 1},
            {64, 16, 16, 64, 128, 4, 4, 2, 1}, {64, 16, 16, 64, 128, 5, 5, 2, 2},  {64, 8, 8, 128, 256, 4, 4, 2, 1},
            {64, 16, 16, 64, 128, 3, 3, 1, 1}, {64, 32, 32, 64, 64, 3, 3, 1, 1},   {64, 8, 8, 128, 256, 3, 3, 1, 1},
            {64, 4, 4, 256, 512, 3, 3, 1, 1},  {64, 16, 16, 128, 128, 3, 3, 1, 1}, {64, 16, 16, 128, 256, 1, 1, 1, 0}};
  std::vector<kernels::ConvShape> shapes = {{64, 32, 32, 3, 64, 4, 4, 2, 1},  {64, 16, 16, 64, 128, 4, 4, 2, 1},
                                            {64, 8, 8, 128, 256, 4, 4, 2, 1}, {64, 32, 32, 3, 64, 3, 3, 1, 1},
                                            {64, 32, 32, 64, 64, 3, 3, 1, 1}, {64, 4, 4, 256, 512, 3, 3, 1, 1}};
  for (const int n : {64, 128}) {
    shapes.push_back({n, 32, 32, 128, 128, 3, 3, 1, 1});
    shapes.push_back({n, 16, 16, 256, 256, 3, 3, 1, 1});
    shapes.push_back({n, 8, 8, 256, 256, 3, 3, 1, 1});
  }
  return shapes;
}

template <class Kernel, class Workspace>
void add_triad(Cases& cases, const std::string& name, Convolution which, const Kernel& kernel,
               const Workspace& workspace_of) {
  for (const kernels::ConvShape& s : conv_shapes(cases.memory.device, cases.small)) {
    const int64_t first = which == Convolution::dx ? s.y_size() : s.x_size(),
                  second = which == Convolution::dw ? s.y_size() : s.w_size(),
                  result = s.x_size() + s.w_size() + s.y_size() - first - second;
    const auto prepare = [=, memory = cases.memory](Precision precision) {
      const Tensor a = memory.normals({first}), b = memory.normals({second});
      Tensor c = memory.empty(result), workspace = memory.empty(workspace_of(memory.device, s));
      return KernelRun{[=]() mutable { kernel(stream_of(a), s, a.data(), b.data(), workspace.mutate(), c.mutate()); },
                       [=](Rulers& rulers) mutable {
                         return rulers.convolution(which, s, precision, a.data(), b.data(), c.mutate());
                       },
                       [=] { return check_convolution(which, s, precision, a, b, c); }};
    };
    cases.list.push_back({name, text(s), s.flops(), element * double(first + second + result), true, prepare});
  }
}

void add_conv_bias(Cases& cases) {
  constexpr real slope = real(0.2);
  for (const kernels::ConvShape& s : conv_shapes(cases.memory.device, cases.small)) {
    const auto prepare = [memory = cases.memory, s](Precision precision) {
      const Tensor x = memory.normals({s.x_size()}), w = memory.normals({s.w_size()}), bias = memory.normals({s.co});
      Tensor y = memory.empty(s.y_size()), workspace = memory.empty(kernels::conv2d_bias_workspace(memory.device, s));
      return KernelRun{[=]() mutable {
                         kernels::conv2d_bias(stream_of(x), s, x.data(), w.data(), bias.data(), slope,
                                              workspace.mutate(), y.mutate());
                       },
                       [=](Rulers& rulers) mutable {
                         return rulers.conv2d_bias_relu(s, precision, x.data(), w.data(), bias.data(), y.mutate());
                       },
                       [=] { return check_conv2d_bias(s, precision, slope, x, w, bias, y); }};
    };
    const double bytes = element * double(s.x_size() + s.w_size() + s.y_size() + s.co);
    cases.list.push_back({"conv2d_bias", text(s), s.flops(), bytes, true, prepare});
  }
}

// ---- Whole chains

/// 2-128-128-1 with SiLU.
struct ChainNetwork {
  static constexpr int inputs = 2, width = 128;
  static constexpr int64_t weights = inputs * width + width * width + width;
  Tensor first, second, third, bias;

  explicit ChainNetwork(const Memory& memory)
      : first(memory.normals({inputs, width})),
        second(memory.normals({width, width})),
        third(memory.normals({width, 1})),
        bias(memory.normals({width})) {}
  std::array<kernels::DenseLayer, 3> layers() const {
    using Unit = kernels::DenseLayer::Unit;
    return {{{inputs, width, first.data(), bias.data(), Unit::silu, 0},
             {width, width, second.data(), bias.data(), Unit::silu, 0},
             {width, 1, third.data(), bias.data(), Unit::identity, 0}}};
  }
};

KernelRun prepare_chains(const Memory& memory, int64_t chains, int steps) {
  const ChainNetwork network(memory);
  const std::array layers = network.layers();
  const int64_t workspace_size = kernels::dense_chain_workspace(memory.device, {int(layers.size()), layers.data()});
  const auto launch = [=, noise = Noise(1, "bench chains", memory.device), x = memory.normals({chains, network.inputs}),
                       energies = memory.empty(chains * steps), workspace = memory.empty(workspace_size)]() mutable {
    const std::array layers = network.layers();
    const kernels::LangevinUpdate update{real(0.01), real(0.1), -4, 4, 1};
    kernels::dense_chain_(stream_of(x), {int(layers.size()), layers.data()}, update, noise.key(), chains, steps,
                          workspace.mutate(), energies.mutate(), x.mutate());
  };
  return {launch, no_ruler};
}

/// A multiplication and an addition a weight, forward and back. Positions are read and written, energies written.
void add_dense_chain(Cases& cases) {
  const int steps = cases.small ? 2 : 100;
  for (const int64_t chains : cases.sizes<int64_t>({1, 8}, {1, 64, 1024}, {1, 64, 1024, 8192, 65536})) {
    const double operations = double(4 * ChainNetwork::weights * chains * steps);
    const double bytes = element * double(chains * (2 * ChainNetwork::inputs + steps) + ChainNetwork::weights);
    cases.list.push_back(
        {"dense_chain_", std::to_string(chains) + " chains; " + std::to_string(steps) + " steps", operations, bytes,
         false, [memory = cases.memory, chains, steps](Precision) { return prepare_chains(memory, chains, steps); }});
  }
}

/// Every kernel's name, and what adds its cases.
struct Family {
  const char* kernel;
  void (*add)(Cases& cases);
};

const Family families[] = {
    {"langevin_", add_langevin},
    {"adam_", add_adam},
    {"batch_norm", [](Cases& cases) { add_batch_norm(cases, false); }},
    {"batch_norm_backward", [](Cases& cases) { add_batch_norm(cases, true); }},
    {"sum_axis", add_sums},
    {"add", add_map<functors::Add>},
    {"tanh", add_map<functors::Tanh>},
    {"gemm", add_gemm},
    {"conv2d",
     [](Cases& cases) {
       add_triad(cases, "conv2d", Convolution::forward, kernels::conv2d, kernels::conv2d_workspace);
     }},
    {"conv2d_bias", add_conv_bias},
    {"conv2d_dx",
     [](Cases& cases) {
       add_triad(cases, "conv2d_dx", Convolution::dx, kernels::conv2d_dx, kernels::conv2d_dx_workspace);
     }},
    {"conv2d_dw",
     [](Cases& cases) {
       add_triad(cases, "conv2d_dw", Convolution::dw, kernels::conv2d_dw, kernels::conv2d_dw_workspace);
     }},
    {"dense_chain_", add_dense_chain},
};

}  // namespace

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const Family& family : families) names.push_back(family.kernel);
  return names;
}

std::vector<KernelCase> kernel_cases(const std::string& only, Device device, bool small) {
  Cases cases{{device}, small, {}};
  for (const Family& family : families)
    if (only.empty() || only == family.kernel) family.add(cases);
  return cases.list;
}

}  // namespace erg::tools
