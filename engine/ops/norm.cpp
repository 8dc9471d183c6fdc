// Batch and layer normalisation.
#include "../../kernels/norm.h"

#include <stdexcept>

#include "../ops.h"
#include "../tape.h"

namespace erg {

namespace {

/// What the three VJPs of one batch_norm share: the fused backward kernel computes all three gradients at once, so
/// whichever edge is asked first runs it and the others take their part.
struct BatchNormBackward {
  Saved x, gamma;
  Tensor mean, rstd;
  real epsilon;
  Tensor cotangent, dx, dgamma, dbeta;  // of the last run

  enum class Part { x, gamma, beta };

  Tensor operator()(const Tensor& g, Part part) {
    if (Tape::recording()) return composite(g, part);
    if (!cotangent || cotangent.data() != g.data()) run(g);
    return part == Part::x ? dx : part == Part::gamma ? dgamma : dbeta;
  }

  void run(const Tensor& g) {
    const int64_t channels = mean.size();
    dx = Tensor::empty(x().shape(), g.device());
    dgamma = Tensor::empty({channels}, g.device());
    dbeta = Tensor::empty({channels}, g.device());
    kernels::batch_norm_backward(stream_of(g), {x().size() / channels, channels, epsilon}, g.data(), x().data(),
                                 gamma().data(), mean.data(), rstd.data(), dx.mutate(), dgamma.mutate(),
                                 dbeta.mutate());
    cotangent = g;
  }

  /// The same gradients out of recorded operations, x's statistics included, for derivatives of the second order.
  Tensor composite(const Tensor& g, Part part) const {
    const int64_t channels = mean.size();
    const Shape channel{channels};
    if (part == Part::beta) return sum_to(g, channel);
    const real rows = real(x().size() / channels);
    const Tensor centred = x() - sum_to(x(), channel) / rows;
    const Tensor rstd = reciprocal(sqrt(sum_to(square(centred), channel) / rows + epsilon));
    const Tensor xhat = centred * rstd;
    const Tensor dgamma = sum_to(g * xhat, channel);
    if (part == Part::gamma) return dgamma;
    return gamma() * rstd * (g - (sum_to(g, channel) + xhat * dgamma) / rows);
  }
};

}  // namespace

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, real epsilon) {
  if (x.rank() < 2 || x.size() == 0 || !(gamma.shape() == Shape{x.shape().back()}) || !(beta.shape() == gamma.shape()))
    throw std::invalid_argument("[batch_norm] x " + to_string(x.shape()) + ", gamma " + to_string(gamma.shape()) +
                                ", beta " + to_string(beta.shape()) + ": want [N,...,C], [C] and [C]");
  const int64_t channels = gamma.size();
  Tensor y = Tensor::empty(x.shape(), x.device());
  Tensor mean = Tensor::empty({channels}, x.device()), rstd = Tensor::empty({channels}, x.device());
  kernels::batch_norm(stream_of(x), {x.size() / channels, channels, epsilon}, x.data(), gamma.data(), beta.data(),
                      mean.mutate(), rstd.mutate(), y.mutate());

  using Part = BatchNormBackward::Part;
  if (Tape::recording()) {
    auto backward =
        std::make_shared<BatchNormBackward>(BatchNormBackward{x, gamma, mean, rstd, epsilon, {}, {}, {}, {}});
    y = record("batch_norm", y,  //
               From{x, [backward](const Tensor& g) { return (*backward)(g, Part::x); }},
               From{gamma, [backward](const Tensor& g) { return (*backward)(g, Part::gamma); }},
               From{beta, [backward](const Tensor& g) { return (*backward)(g, Part::beta); }});
  }
  const Pause pause;
  return {y, mean, reciprocal(square(rstd)) - epsilon};
}

Tensor layer_norm(const Tensor& x, real epsilon) {
  if (x.rank() < 2 || x.size() == 0)
    throw std::invalid_argument("[layer_norm] wants [B,...], got " + to_string(x.shape()));
  const Tensor rows = flatten(x);
  const Shape per_sample{x.dim(0), 1};
  const real features = real(rows.dim(1));
  const Tensor centred = rows - sum_to(rows, per_sample) / features;
  const Tensor deviation = sqrt(sum_to(square(centred), per_sample) / features + epsilon);
  return reshape(centred / deviation, x.shape());
}

}  // namespace erg
