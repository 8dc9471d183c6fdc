#include "nn.h"

#include <limits>
#include <stdexcept>

#include "../kernels/norm.h"
#include "tape.h"

namespace erg {

// ---- Spectral norm

namespace {
Tensor unit(const Tensor& row) { return row / (sqrt(sum(square(row))) + real(1e-12)); }
}  // namespace

SpectralNorm::SpectralNorm(int64_t out, Noise& noise, bool bound) : u_(noise.normal({1, out})), bound_(bound) {}

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
  return weight / (bound_ ? clamp(sigma, 1, std::numeric_limits<real>::infinity()) : sigma);
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

/// A slope of 1 is no activation, 0 is ReLU.
Tensor activate(const Tensor& y, real negative_slope) {
  return negative_slope == 1 ? y : negative_slope == 0 ? relu(y) : leaky_relu(y, negative_slope);
}

void visit_weights(Visitor& v, Tensor& weight, Tensor& bias) {
  v.param("weight", weight, Layout::weight);
  if (bias) v.param("bias", bias);
}

}  // namespace

Linear::Linear(int64_t in, int64_t out, Noise& noise, const LayerOptions& options)
    : weight(options.weight_init({in, out}, in, out, noise)), bias(make_bias(options, out, in, noise)) {
  if (options.spectral_norm) spectral_norm.emplace(out, noise, options.spectral_bound);
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
  if (options.spectral_norm) spectral_norm.emplace(out, noise, options.spectral_bound);
}

Tensor Conv2d::operator()(const Tensor& x, Mode mode, real negative_slope) {
  const Tensor w = kernel(mode);
  if (bias) return conv2d_bias(x, w, bias, stride, pad, negative_slope);
  return activate(conv2d(x, w, stride, pad), negative_slope);
}

Tensor Conv2d::kernel(Mode mode) { return normalised(spectral_norm, weight, mode); }

Tensor Conv2d::train_with(BatchNorm& norm, const Tensor& x, real negative_slope) {
  return norm.keep(
      conv2d_batch_norm(x, kernel(Mode::train), norm.gamma, norm.beta, stride, pad, norm.epsilon, negative_slope),
      bias);
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

int64_t ConvTranspose2d::extent(int64_t of_input) const {
  return (of_input - 1) * stride - 2 * pad + weight.dim(0) + output_pad;
}

namespace {

void check_image(const Tensor& x) {
  if (x.rank() != 4) throw std::invalid_argument("[conv_transpose2d] wants [B,h,w,C], got " + to_string(x.shape()));
}

}  // namespace

Tensor ConvTranspose2d::operator()(const Tensor& x, Mode) {
  check_image(x);
  const Tensor y = conv2d_dx(x, weight, stride, pad, extent(x.dim(1)), extent(x.dim(2)));
  return bias ? y + bias : y;
}

Tensor ConvTranspose2d::train_with(BatchNorm& norm, const Tensor& x, real negative_slope) {
  check_image(x);
  return norm.keep(conv2d_dx_batch_norm(x, weight, norm.gamma, norm.beta, stride, pad, extent(x.dim(1)),
                                        extent(x.dim(2)), norm.epsilon, negative_slope),
                   bias);
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
    return activate(y, negative_slope);
  }
  return keep(batch_norm(x, gamma, beta, epsilon, negative_slope));
}

Tensor BatchNorm::keep(const BatchNormResult& batch, const Tensor& bias) {
  const kernels::NormShape shape{batch.y.size() / gamma.size(), gamma.size(), epsilon};
  kernels::running_statistics_(stream_of(batch.y), shape, momentum, bias ? bias.data() : nullptr, batch.mean.data(),
                               batch.rstd.data(), running_mean.mutate(), running_var.mutate());
  return batch.y;
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

Tensor SumPixels::operator()(const Tensor& x, Mode) const {
  const Tensor total = reshape(sum_to(x, {x.dim(0), 1, 1, x.dim(3)}), {x.dim(0), x.dim(3)});
  return mean ? total / real(x.dim(1) * x.dim(2)) : total;
}

Tensor Crop::operator()(const Tensor& x, Mode) const { return slice(slice(x, 1, 0, size), 2, 0, size); }

Tensor Maxout::operator()(const Tensor& x, Mode) const {
  const int64_t out = x.dim(1) / pieces;
  Tensor largest = slice(x, 1, 0, out);
  for (int i = 1; i < pieces; ++i) largest = maximum(largest, slice(x, 1, i * out, (i + 1) * out));
  return largest;
}

Dropout::Dropout(real rate, Noise noise) : rate(rate), noise(std::move(noise)) {
  if (!(rate >= 0 && rate < 1))
    throw std::invalid_argument("[dropout] wants a rate in [0,1), got " + std::to_string(rate));
}

Tensor Dropout::operator()(const Tensor& x, Mode mode) {
  if (mode == Mode::eval || rate == 0) return x;
  if (noise.device() != x.device()) noise = noise.to(x.device());  // the network has moved since it was made
  // In [-rate, 1 - rate): above zero with probability 1 - rate, and then far above one when scaled so.
  const Tensor u = noise.uniform(x.shape(), -rate, 1 - rate);
  const Tensor keep = clamp(u * std::numeric_limits<real>::max(), 0, 1) / (1 - rate);
  return x * keep;
}

// ---- Networks

namespace {

/// The layer there, if it is of that kind.
template <class Kind>
Kind* layer_at(std::vector<Layer>& layers, size_t i) {
  return i < layers.size() ? std::get_if<Kind>(&layers[i]) : nullptr;
}

}  // namespace

Tensor Sequential::operator()(Tensor x, Mode mode) {
  for (size_t i = 0; i < layers.size(); ++i) {
    auto* conv = layer_at<Conv2d>(layers, i);
    auto* transposed = layer_at<ConvTranspose2d>(layers, i);
    const bool joins_norm = (conv || transposed) && mode == Mode::train && layer_at<BatchNorm>(layers, i + 1);
    if (joins_norm) ++i;
    auto* norm = layer_at<BatchNorm>(layers, i);
    if (!norm && !conv) {
      x = std::visit([&](auto& l) { return l(x, mode); }, layers[i]);
      continue;
    }
    real slope = 1;
    if (const auto* next = layer_at<Activation>(layers, i + 1); next && next->negative_slope()) {
      slope = *next->negative_slope();
      ++i;
    }
    if (joins_norm)
      x = conv ? conv->train_with(*norm, x, slope) : transposed->train_with(*norm, x, slope);
    else
      x = norm ? (*norm)(x, mode, slope) : (*conv)(x, mode, slope);
  }
  return x;
}

namespace {

/// Number i of the outputs comes from number i of the inputs.
bool keeps_units(const Layer& layer) {
  return std::visit(
      []<class Kind>(const Kind&) {
        return std::is_same_v<Kind, Activation> || std::is_same_v<Kind, BatchNorm> || std::is_same_v<Kind, Dropout> ||
               std::is_same_v<Kind, ChannelBias> || std::is_same_v<Kind, ChannelScale>;
      },
      layer);
}

/// Before each layer and behind the last: the channels of the image that lies there in a row, or 0.
std::vector<int64_t> channels_in_rows(const std::vector<Layer>& layers) {
  std::vector<int64_t> channels(layers.size() + 1, 0);
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto* reshape = std::get_if<Reshape>(&layers[i]);
    if (!reshape) continue;
    if (reshape->dims.size() == 3) {
      channels[i] = reshape->dims[2];
      for (size_t before = i; before > 0 && keeps_units(layers[before - 1]); --before)
        channels[before - 1] = reshape->dims[2];
    } else if (reshape->channels > 0) {
      channels[i + 1] = reshape->channels;
      for (size_t behind = i + 1; behind < layers.size() && keeps_units(layers[behind]); ++behind)
        channels[behind + 1] = reshape->channels;
    }
  }
  return channels;
}

}  // namespace

void Sequential::visit(Visitor& v) {
  const std::vector<int64_t> channels = channels_in_rows(layers);
  for (size_t i = 0; i < layers.size(); ++i)
    std::visit([&](auto& l) { v.sub(std::to_string(i), l, {channels[i], channels[i + 1]}); }, layers[i]);
}

}  // namespace erg
