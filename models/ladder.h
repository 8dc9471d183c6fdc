// Ladder network: a classifier that denoises (Rasmus et al. 2015), with the reconstruction cost of the bottom layer.
//
// The encoder is a classifier, run with noise n ~ N(0, sigma^2) on its input and in every layer:
//
//   z~_0 = x + n          h_0 = z~_0
//   z~_l = norm(W_l h_(l-1)) + n          h_l = relu(z~_l + beta_l)          the last: softmax(gamma (z~_L + beta_L))
//
// where norm is batch norm without scale and shift. The decoder comes down again from the classes, and in each layer a
// combinator g joins what it brings, u, with the noisy z~ of the same height, through a rung of the ladder:
//
//   u_L = norm(h_L)      u_l = norm(V_(l+1) z^_(l+1))          z^_l = g(z~_l, u_l)
//
//   g(z, u) = (z - mu(u)) v(u) + mu(u)          mu, v: u -> a sigmoid(b u + c) + d u + e, with numbers for each unit
//
// g is the best linear denoiser of a Gaussian of that mean. The loss is
//
//   E -log p(y|x~)  on labelled batches, by the noisy path    +    weight * E |z^_0 - x|^2 / elements  on others
//
// The paper's full ladder has such a cost for every layer; "bottom" has this one, and weight 5000 at 100 labels, 2000
// at 1000 and with all. Labels are read from the clean path, which has no noise. Labelled and other samples are
// normalised apart, and the running statistics are those of labelled batches on the clean path (the authors' code).
//
// Theirs on MNIST: 784-1000-500-250-250-250-10, sigma 0.3, pixels in [0,1], weights N(0, 1/fan_in), batches of 100 and
// 100, Adam 2e-3 for 150 epochs, falling to zero on a straight line from the 100th.
#pragma once

#include "labels.h"

namespace erg {

/// a sigmoid(b u + c) + d u + e for each unit. Initially b is one and the rest zero.
struct LadderCurve {
  Tensor a, b, c, d, e;  // [units]

  /// Of that many units, on a device.
  LadderCurve(int64_t units, Device device);
  /// The curves at u [B,units].
  Tensor operator()(const Tensor& u) const;
  void visit(Visitor& v);
};

/// g(z, u), [B,units].
struct Combinator {
  LadderCurve mean, variance;  // mu and v

  /// Of that many units, on a device.
  Combinator(int64_t units, Device device) : mean(units, device), variance(units, device) {}
  /// Of z and u, [B,units] each.
  Tensor operator()(const Tensor& z, const Tensor& u) const;
  void visit(Visitor& v);
};

/// The encoder, its noisy twin and the decoder.
class LadderNet {
 public:
  /// sizes: elements of a sample, hidden sizes, classes; at least two. Throws std::invalid_argument otherwise, and
  /// for a negative deviation of the noise.
  LadderNet(const std::vector<int64_t>& sizes, real noise_deviation, Noise& weights);

  /// What a noisy pass leaves: every z~_l, [B,sizes[l]], and the logits of the last layer, [B,classes].
  struct Pass {
    std::vector<Tensor> noisy;
    Tensor logits;
  };
  /// The noisy pass of x [B,...].
  Pass corrupted(const Tensor& x, Noise& noise) const;
  /// z^_0 of a pass, [B,elements].
  Tensor reconstruct(const Pass& pass) const;
  /// |z^_0 - x|^2 / elements of each sample, through a noisy pass: [B,...] -> [B].
  Tensor cost(const Tensor& x, Noise& noise) const;
  /// Logits [B,classes] of the clean path: with the batch's statistics, which move the running ones (train), or with
  /// those (eval).
  Tensor logits(const Tensor& x, Mode mode);

  void visit(Visitor& v);

 private:
  /// A layer's activation of z, and the last layer's logits.
  Tensor activation(size_t layer, const Tensor& z) const;

  std::vector<Tensor> weights_, back_;   // W_l and V_l, l = 1 ... L, at l - 1: [in,out] and [out,in]
  std::vector<Tensor> shifts_;           // beta_l
  Tensor scale_;                         // gamma
  std::vector<BatchNorm> norms_;         // of W_l h_(l-1): scale one and shift zero for ever
  std::vector<Combinator> combinators_;  // l = 0 ... L
  real noise_deviation_;
};

/// Semi-supervised: labelled and unlabelled batches together.
class Ladder {
 public:
  struct Options {
    real weight = 1000;  // of the cost
    Adam::Options adam{.rate = 2e-3f};
  };

  /// The noise is what noisy passes add.
  Ladder(LadderNet net, const Options& options, Noise corruption);

  /// Reports "cross_entropy", "cost" and "accuracy" of the labelled batch on the clean path.
  Metrics step(const LabelledBatches& labelled, const Batches& unlabelled);
  /// The learning rate from now on.
  void set_rate(real rate) { adam_.set_rate(rate); }

  /// Logits [B,classes] without noise, with running statistics.
  Tensor logits(const Tensor& x) { return net_.logits(x, Mode::eval); }

  void visit(Visitor& v);

 private:
  Options options_;
  LadderNet net_;
  std::vector<Tensor> params_;
  Adam adam_;
  Noise corruption_;
};

}  // namespace erg
