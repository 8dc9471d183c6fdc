// Batch and layer normalisation.
#include "norm.h"

#include <stdexcept>

#include "../map.h"
#include "../ops.h"
#include "../tape.h"

namespace erg {

namespace {

/// What the three VJPs of one batch_norm share: the fused backward kernel computes all three gradients at once, so
/// whichever edge is asked first runs it and the others take their part.
struct BatchNormBackward {
  kernels::NormShape shape;
  Saved x, gamma, beta;
  Tensor mean, rstd;
  Tensor cotangent, dx, dgamma, dbeta;  // of the last run

  enum class Part { x, gamma, beta };

  Tensor operator()(const Tensor& g, Part part) {
    if (Tape::recording()) return composite(g, part);
    if (!cotangent || cotangent.data() != g.data()) run(g);
    return part == Part::x ? dx : part == Part::gamma ? dgamma : dbeta;
  }

  void run(const Tensor& g) {
    const Device device = g.device();
    dx = Tensor::empty(x().shape(), device);
    dgamma = Tensor::empty(mean.shape(), device);
    dbeta = Tensor::empty(mean.shape(), device);
    Tensor workspace = Tensor::empty({kernels::batch_norm_backward_workspace(device, shape)}, device);
    kernels::batch_norm_backward(stream_of(g), shape, g.data(), x().data(), gamma().data(), beta().data(), mean.data(),
                                 rstd.data(), workspace.mutate(), dx.mutate(), dgamma.mutate(), dbeta.mutate());
    cotangent = g;
  }

  /// The cotangent of what goes into the activation, for the cotangent of what comes out. Where the activation bends is
  /// a constant of both derivatives.
  Tensor before_activation(const Tensor& g) const {
    using namespace functors;
    if (shape.negative_slope == 1) return g;
    Tensor y;
    {
      const Pause pause;
      y = (x() - mean) * (rstd * gamma()) + beta();
    }
    if (shape.negative_slope == 0) return detail::map_product(Product<1, Slope<Relu>>{}, {g, y});
    return detail::map_product(Product<1, Slope<LeakyRelu>>{{{shape.negative_slope}}}, {g, y});
  }

  /// The same gradients out of recorded operations, x's statistics included, for derivatives of the second order.
  Tensor composite(const Tensor& after, Part part) const {
    const Tensor g = before_activation(after);
    const Shape channel{shape.channels};
    if (part == Part::beta) return sum_to(g, channel);
    const real rows = real(shape.rows);
    const Tensor centred = x() - sum_to(x(), channel) / rows;
    const Tensor rstd = reciprocal(sqrt(sum_to(square(centred), channel) / rows + shape.epsilon));
    const Tensor xhat = centred * rstd;
    const Tensor dgamma = sum_to(g * xhat, channel);
    if (part == Part::gamma) return dgamma;
    return gamma() * rstd * (g - (sum_to(g, channel) + xhat * dgamma) / rows);
  }
};

}  // namespace

BatchNormResult detail::record_batch_norm(const kernels::NormShape& shape, const Tensor& x, const Tensor& gamma,
                                          const Tensor& beta, const Tensor& mean, const Tensor& rstd, const Tensor& y) {
  using Part = BatchNormBackward::Part;
  Tensor recorded = y;
  if (Tape::recording()) {
    auto backward =
        std::make_shared<BatchNormBackward>(BatchNormBackward{shape, x, gamma, beta, mean, rstd, {}, {}, {}, {}});
    recorded = record("batch_norm", y,  //
                      From{x, [backward](const Tensor& g) { return (*backward)(g, Part::x); }},
                      From{gamma, [backward](const Tensor& g) { return (*backward)(g, Part::gamma); }},
                      From{beta, [backward](const Tensor& g) { return (*backward)(g, Part::beta); }});
  }
  return {recorded, mean, rstd};
}

void detail::check_batch_norm(const char* op, const Shape& x, const Tensor& gamma, const Tensor& beta,
                              real negative_slope) {
  if (x.rank() < 2 || x.size() == 0 || !(gamma.shape() == Shape{x.back()}) || !(beta.shape() == gamma.shape()))
    throw std::invalid_argument("[" + std::string(op) + "] x " + to_string(x) + ", gamma " + to_string(gamma.shape()) +
                                ", beta " + to_string(beta.shape()) + ": want [N,...,C], [C] and [C]");
  if (!(negative_slope >= 0))
    throw std::invalid_argument("[" + std::string(op) + "] the slope must not be negative, got " +
                                std::to_string(negative_slope));
}

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, real epsilon,
                           real negative_slope) {
  detail::check_batch_norm("batch_norm", x.shape(), gamma, beta, negative_slope);
  const int64_t channels = gamma.size();
  const kernels::NormShape shape{x.size() / channels, channels, epsilon, negative_slope};
  const Device device = x.device();
  Tensor y = Tensor::empty(x.shape(), device);
  Tensor mean = Tensor::empty({channels}, device), rstd = Tensor::empty({channels}, device);
  Tensor workspace = Tensor::empty({kernels::batch_norm_workspace(device, shape)}, device);
  kernels::batch_norm(stream_of(x), shape, x.data(), gamma.data(), beta.data(), workspace.mutate(), mean.mutate(),
                      rstd.mutate(), y.mutate());

  return detail::record_batch_norm(shape, x, gamma, beta, mean, rstd, y);
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
