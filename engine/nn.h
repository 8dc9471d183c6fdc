// Layers and networks.
//
// A layer is a plain struct with operator() and visit(). A network is a Sequential: a list of layers, numbered in its
// parameter names as PyTorch numbers them ("0.weight", "1.bias"). Layers that behave differently while training take a
// Mode; there is no hidden training flag.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "init.h"
#include "ops.h"
#include "visit.h"

namespace erg {

/// What a network is applied for.
enum class Mode {
  train,  // batch statistics in batch-norm; spectral norm advances its power iteration
  eval,   // running statistics: samples do not see each other
};

/// W / sigma(W), with the largest singular value estimated by one step of power iteration a forward pass
/// (Miyato et al. 2018, algorithm 1). W is seen as [everything else, out]. As a bound, W / max(sigma(W), 1): weights
/// that are small already, or zero, stay as they are (Du & Mordatch 2019, their code).
class SpectralNorm {
 public:
  /// For weights with `out` outputs. u is drawn from the noise, on its device.
  SpectralNorm(int64_t out, Noise& noise, bool bound = false);
  /// The normalised weight. In train mode the persistent vector u advances; u and v count as constants.
  Tensor operator()(const Tensor& weight, Mode mode);
  void visit(Visitor& v) { v.buffer("u", u_); }

 private:
  Tensor u_;  // [1, out]
  bool bound_;
};

/// What linear layers and convolutions share.
struct LayerOptions {
  bool bias = true;
  bool spectral_norm = false;
  bool spectral_bound = false;  // spectral_norm as a bound
  Init weight_init = init::fan_in_uniform();
  Init bias_init = {};  // absent: PyTorch's U(-1/sqrt(fan_in), 1/sqrt(fan_in))
};

/// y = x W + b: [B,in] -> [B,out].
struct Linear {
  Tensor weight, bias;  // [in,out], [out] or absent
  std::optional<SpectralNorm> spectral_norm;

  /// Weights drawn from the noise, on its device: so do all layers that are given one.
  Linear(int64_t in, int64_t out, Noise& noise, const LayerOptions& options = {});
  Tensor operator()(const Tensor& x, Mode mode);
  void visit(Visitor& v);
};

/// What convolutions have beside: stride, and rows of zeros on each side.
struct ConvOptions : LayerOptions {
  int stride = 1, pad = 0;
  int output_pad = 0;  // ConvTranspose2d only: extra rows and columns at the far end, PyTorch's output_padding
};

/// Batch normalisation over all but the last dimension. Running statistics as in PyTorch: the variance is the unbiased
/// one, momentum is the weight of the new batch.
struct BatchNorm {
  Tensor gamma, beta, running_mean, running_var;  // [C]
  real epsilon = 1e-5f, momentum = 0.1f;

  /// beta is 0, and the running statistics are those of N(0, 1).
  BatchNorm(int64_t channels, Noise& noise, const Init& gamma_init = init::constant(1));
  /// With the leaky ReLU of that slope behind it: 1 is none, 0 is ReLU.
  Tensor operator()(const Tensor& x, Mode mode, real negative_slope = 1);
  /// Moves the running statistics towards a batch's; `bias` [C], which may be absent, was left out before it. Returns
  /// y.
  Tensor keep(const BatchNormResult& batch, const Tensor& bias = {});
  void visit(Visitor& v);
};

/// [B,H,W,in] -> [B,oh,ow,out].
struct Conv2d {
  Tensor weight, bias;  // [k,k,in,out], [out] or absent
  int stride, pad;
  std::optional<SpectralNorm> spectral_norm;

  /// A kernel of `kernel` x `kernel`.
  Conv2d(int64_t in, int64_t out, int64_t kernel, Noise& noise, const ConvOptions& options = {});
  /// With a negative slope other than 1, followed by (Leaky)ReLU: in the same kernel where there is a bias.
  Tensor operator()(const Tensor& x, Mode mode, real negative_slope = 1);
  /// norm(conv(x), Mode::train, negative_slope) in one. The bias, which the norm takes out again, gets no gradient.
  Tensor train_with(BatchNorm& norm, const Tensor& x, real negative_slope);
  /// What x is convolved with: the weight, or that of the spectral norm.
  Tensor kernel(Mode mode);
  void visit(Visitor& v);
};

/// The transposed convolution: [B,h,w,in] -> [B, (h-1) stride - 2 pad + k + output_pad, ..., out].
struct ConvTranspose2d {
  Tensor weight, bias;  // [k,k,out,in]: the kernel of the convolution this transposes; [out] or absent
  int stride, pad, output_pad;

  /// A kernel of `kernel` x `kernel`. Its output has extents that a convolution would make x of: output_pad < stride.
  ConvTranspose2d(int64_t in, int64_t out, int64_t kernel, Noise& noise, const ConvOptions& options = {});
  Tensor operator()(const Tensor& x, Mode mode);
  Tensor train_with(BatchNorm& norm, const Tensor& x, real negative_slope);  // as Conv2d's
  int64_t extent(int64_t of_input) const;                                    // of the output, along one axis
  void visit(Visitor& v);
};

/// An elementwise function. [B,...] -> [B,...].
struct Activation {
  /// Which one; the formulas are in kernels/functors.h.
  enum class Kind { relu, leaky_relu, elu, silu, softplus, tanh, sigmoid };
  Kind kind;
  real slope = 0.2f;  // leaky_relu's

  Tensor operator()(const Tensor& x, Mode mode) const;
  /// What numbers below zero are multiplied with, if that is all the activation does.
  std::optional<real> negative_slope() const;
  void visit(Visitor&) {}
};

/// [B,...] -> [B, dims...]. Files have to know the channels of an image that is flattened: the linear layer behind it
/// keeps its weights in PyTorch's order there (ImageUnits).
struct Reshape {
  std::vector<int64_t> dims;
  int64_t channels = 0;  // of the image that becomes a row; 0: no image, or one with a single channel
  Tensor operator()(const Tensor& x, Mode mode) const;
  void visit(Visitor&) {}
};

/// The mean of each block x block pixels: [B,H,W,C] -> [B,H/block,W/block,C].
struct AvgPool {
  int block;
  Tensor operator()(const Tensor& x, Mode) const { return avg_pool(x, block); }
  void visit(Visitor&) {}
};

/// Each pixel factor x factor times: [B,H,W,C] -> [B,H factor,W factor,C].
struct Upsample {
  int factor;
  Tensor operator()(const Tensor& x, Mode) const { return upsample(x, factor); }
  void visit(Visitor&) {}
};

/// [B,H,W,C] -> [B,C]: the sum, or the mean, over an image's pixels.
struct SumPixels {
  bool mean = false;
  Tensor operator()(const Tensor& x, Mode mode) const;
  void visit(Visitor&) {}
};

/// The first rows and columns of an image: [B,H,W,C] -> [B,size,size,C].
struct Crop {
  int64_t size;
  Tensor operator()(const Tensor& x, Mode mode) const;
  void visit(Visitor&) {}
};

/// The largest of `pieces` numbers: [B, pieces C] -> [B,C] (Goodfellow et al. 2013).
struct Maxout {
  int pieces;
  Tensor operator()(const Tensor& x, Mode mode) const;
  void visit(Visitor&) {}
};

/// x + bias, one number a channel.
struct ChannelBias {
  Tensor bias;  // [C]
  /// All zero, on the device of the noise, which is not drawn from.
  ChannelBias(int64_t channels, Noise& noise) : bias(Tensor::zeros({channels}, noise.device())) {}
  Tensor operator()(const Tensor& x, Mode) const { return x + bias; }
  void visit(Visitor& v) { v.param("bias", bias); }
};

/// x * scale, one number a channel.
struct ChannelScale {
  Tensor scale;  // [C]
  /// All one, on the device of the noise, which is not drawn from.
  ChannelScale(int64_t channels, Noise& noise) : scale(Tensor::ones({channels}, noise.device())) {}
  Tensor operator()(const Tensor& x, Mode) const { return x * scale; }
  void visit(Visitor& v) { v.param("scale", scale); }
};

/// In training each element is zero with probability `rate` and the others are scaled by 1/(1 - rate) (Srivastava et
/// al. 2014). The masks come from a noise of the layer's own, whose state is part of a checkpoint.
struct Dropout {
  real rate;
  Noise noise;

  /// Throws std::invalid_argument unless rate is in [0,1). Layers of one network need noises of different streams.
  Dropout(real rate, Noise noise);
  Tensor operator()(const Tensor& x, Mode mode);
  void visit(Visitor& v) { v.sub("noise", noise); }
};

struct Residual;
/// Any of these: what a network is a list of.
using Layer = std::variant<Linear, Conv2d, ConvTranspose2d, BatchNorm, Activation, Reshape, AvgPool, Upsample,
                           SumPixels, Crop, Maxout, ChannelBias, ChannelScale, Dropout, Residual>;

/// A network: layers applied one after the other, but a batch norm and the (leaky) ReLU behind it in one, in training
/// with the convolution before it too. Copies share their weights. An empty one is the identity.
struct Sequential {
  std::vector<Layer> layers;

  /// All layers in turn.
  Tensor operator()(Tensor x, Mode mode);
  void visit(Visitor& v);
};

/// main(x) + shortcut(x) (He et al. 2016); without layers the shortcut is x itself. Names: "main.0.weight",
/// "shortcut.0.weight".
struct Residual {
  Sequential main, shortcut;

  Tensor operator()(const Tensor& x, Mode mode) { return main(x, mode) + shortcut(x, mode); }
  void visit(Visitor& v) {
    v.sub("main", main);
    v.sub("shortcut", shortcut);
  }
};

}  // namespace erg
