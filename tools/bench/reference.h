// Reference chains: Langevin dynamics as plain loops in double, with a generator of its own. It shares no code with the
// samplers, so that a mistake would have to be made twice to go unseen.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "../../engine/tensor.h"
#include "../../samplers/langevin.h"
#include "law.h"

namespace erg::tools {

/// Writes dE/dx of one chain at x; `start` is where the chain began.
using Gradient =
    std::function<void(std::span<const double> start, std::span<const double> x, std::span<double> gradient)>;

/// E(x) = x . start: the same gradient at every step.
Gradient constant_gradient();
/// E(x) = sum_i height (x_i^2 - 1)^2
Gradient double_well_gradient(double height);
/// A network of linear layers with SiLU between. `weights` is weight [in,out], bias [out], weight, bias, ...
Gradient dense_gradient(const std::vector<Tensor>& weights);
/// A network of convolutions with leaky ReLU between on an image [side,side,channels]; the last one leaves one number.
/// `weights` is weight [k,k,in,out], bias [out], weight, bias, ...
struct Window {
  int stride, pad;
};
Gradient convolution_gradient(const std::vector<Tensor>& weights, const std::vector<Window>& windows, double slope,
                              int side);

/// Where `count` chains of `size` coordinates are after `steps` steps from N(0, I), clamped to [-start_limit,
/// start_limit].
Sample reference_chains(const Gradient& gradient, const Langevin& langevin, int64_t steps, int64_t count, int64_t size,
                        double start_limit, uint64_t seed);

/// Where the chains of `starts` [B,...] are after the steps whose noise is given, one tensor a step.
Sample reference_chains(const Gradient& gradient, const Langevin& langevin, const Tensor& starts,
                        const std::vector<Tensor>& noise);

}  // namespace erg::tools
