#include "nn.h"

#include <stdexcept>

#include "tape.h"

namespace erg {

// ---- Spectral norm

namespace {
Tensor unit(const Tensor& row) { return row / (sqrt(sum(square(row))) + real(1e-12)); }
}  // namespace

SpectralNorm::SpectralNorm(int64_t out, Noise& noise) : u_(noise.normal({1, out})) {}

Tensor SpectralNorm::operator()(const Tensor& weight, Mode mode) {
  const int64_t out = u_.dim(1);
  const Tensor w = reshape(weight, {weight.size() / out, out});
  Tensor u, v;
  {
    const Pause pause;
    v = unit(matmul(u_, w, false, true));  // [1, rest]
    u = unit(matmul(v, w));                // [1, out]
    if (mode == Mode::train) u_.copy_(u);
  }
  const Tensor sigma = sum(matmul(v, w) * u);
  return weight / sigma;
}

// ---- Linear

namespace {

Tensor make_bias(const LayerOptions& options, int64_t out, int64_t fan_in, Noise& noise) {
  if (!options.bias) return {};
  const Init init = options.bias_init ? options.bias_init : init::fan_in_uniform();
  return init({out}, fan_in, out, noise);
}

Tensor normalised(std::optional<SpectralNorm>& norm, const Tensor& weight, Mode mode) {
  return norm ? (*norm)(weight, mode) : weight;
}

void visit_weights(Visitor& v, Tensor& weight, Tensor& bias) {
  v.param("weight", weight, Layout::weight);
  if (bias) v.param("bias", bias);
}

}  // namespace

Linear::Linear(int64_t in, int64_t out, Noise& noise, const LayerOptions& options)
    : weight(options.weight_init({in, out}, in, out, noise)), bias(make_bias(options, out, in, noise)) {
  if (options.spectral_norm) spectral_norm.emplace(out, noise);
}

Tensor Linear::operator()(const Tensor& x, Mode mode) {
  const Tensor y = matmul(x, normalised(spectral_norm, weight, mode));
  return bias ? y + bias : y;
}

void Linear::visit(Visitor& v) {
  visit_weights(v, weight, bias);
  if (spectral_norm) v.sub("spectral_norm", *spectral_norm);
}

// ---- Convolutions

Conv2d::Conv2d(int64_t in, int64_t out, int64_t kernel, Noise& noise, const ConvOptions& options)
    : weight(options.weight_init({kernel, kernel, in, out}, kernel * kernel * in, kernel * kernel * out, noise)),
      bias(make_bias(options, out, kernel * kernel * in, noise)),
      stride(options.stride),
      pad(options.pad) {
  if (options.spectral_norm) spectral_norm.emplace(out, noise);
}

Tensor Conv2d::operator()(const Tensor& x, Mode mode) {
  const Tensor w = normalised(spectral_norm, weight, mode);
  return bias ? conv2d_bias(x, w, bias, stride, pad) : conv2d(x, w, stride, pad);
}

void Conv2d::visit(Visitor& v) {
  visit_weights(v, weight, bias);
  if (spectral_norm) v.sub("spectral_norm", *spectral_norm);
}

ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out, int64_t kernel, Noise& noise, const ConvOptions& options)
    : weight(options.weight_init({kernel, kernel, out, in}, kernel * kernel * out, kernel * kernel * in, noise)),
      bias(make_bias(options, out, kernel * kernel * out, noise)),
      stride(options.stride),
      pad(options.pad),
      output_pad(options.output_pad) {
  if (options.spectral_norm) throw std::invalid_argument("[conv_transpose2d] has no spectral norm");
}

Tensor ConvTranspose2d::operator()(const Tensor& x, Mode) {
  if (x.rank() != 4) throw std::invalid_argument("[conv_transpose2d] wants [B,h,w,C], got " + to_string(x.shape()));
  const int64_t kernel = weight.dim(0);
  const auto extent = [&](int64_t n) { return (n - 1) * stride - 2 * pad + kernel + output_pad; };
  const Tensor y = conv2d_dx(x, weight, stride, pad, extent(x.dim(1)), extent(x.dim(2)));
  return bias ? y + bias : y;
}

void ConvTranspose2d::visit(Visitor& v) { visit_weights(v, weight, bias); }

// ---- Batch norm

BatchNorm::BatchNorm(int64_t channels, Noise& noise, const Init& gamma_init)
    : gamma(gamma_init({channels}, channels, channels, noise)),
      beta(Tensor::zeros({channels}, noise.device())),
      running_mean(Tensor::zeros({channels}, noise.device())),
      running_var(Tensor::ones({channels}, noise.device())) {}

Tensor BatchNorm::operator()(const Tensor& x, Mode mode, real negative_slope) {
  if (mode == Mode::eval) {
    const Tensor y = (x - running_mean) * (gamma * reciprocal(sqrt(running_var + epsilon))) + beta;
    return negative_slope == 1 ? y : negative_slope == 0 ? relu(y) : leaky_relu(y, negative_slope);
  }
  const BatchNormResult result = batch_norm(x, gamma, beta, epsilon, negative_slope);
  const Pause pause;
  const real rows = real(x.size() / gamma.size());
  const real unbiased = rows > 1 ? rows / (rows - 1) : 1;
  running_mean.copy_(running_mean * (1 - momentum) + result.mean * momentum);
  running_var.copy_(running_var * (1 - momentum) + result.var * (momentum * unbiased));
  return result.y;
}

void BatchNorm::visit(Visitor& v) {
  v.param("weight", gamma);
  v.param("bias", beta);
  v.buffer("running_mean", running_mean);
  v.buffer("running_var", running_var);
}

// ---- Layers without weights

Tensor Activation::operator()(const Tensor& x, Mode) const {
  switch (kind) {
    case Kind::relu: return relu(x);
    case Kind::leaky_relu: return leaky_relu(x, slope);
    case Kind::elu: return elu(x);
    case Kind::silu: return silu(x);
    case Kind::softplus: return softplus(x);
    case Kind::tanh: return tanh(x);
    case Kind::sigmoid: return sigmoid(x);
  }
  throw std::logic_error("[activation] unknown kind");
}

std::optional<real> Activation::negative_slope() const {
  if (kind == Kind::relu) return 0;
  if (kind == Kind::leaky_relu) return slope;
  return {};
}

Tensor Reshape::operator()(const Tensor& x, Mode) const {
  Shape shape{x.dim(0)};
  for (int64_t d : dims) shape.push_back(d);
  return reshape(x, shape);
}

// ---- Networks

Tensor Sequential::operator()(Tensor x, Mode mode) {
  for (size_t i = 0; i < layers.size(); ++i) {
    auto* norm = std::get_if<BatchNorm>(&layers[i]);
    const auto* next = i + 1 < layers.size() ? std::get_if<Activation>(&layers[i + 1]) : nullptr;
    if (norm && next && next->negative_slope()) {
      x = (*norm)(x, mode, *next->negative_slope());
      ++i;
    } else {
      x = std::visit([&](auto& l) { return l(x, mode); }, layers[i]);
    }
  }
  return x;
}

void Sequential::visit(Visitor& v) {
  for (size_t i = 0; i < layers.size(); ++i) std::visit([&](auto& l) { v.sub(std::to_string(i), l); }, layers[i]);
}

}  // namespace erg
