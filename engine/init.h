// Initial weights. Each returns a tensor of `shape`; fans are those of the layer (inputs and outputs of one unit).
#pragma once

#include <functional>

#include "random.h"

namespace erg {

/// Makes a weight of `shape`, on the device of the noise.
using Init = std::function<Tensor(const Shape& shape, int64_t fan_in, int64_t fan_out, Noise& noise)>;

/// Initial weights.
namespace init {

/// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's default for linear layers and convolutions.
Init fan_in_uniform();
/// N(mean, deviation^2): DCGAN uses N(0, 0.02^2) (Radford et al. 2016).
Init normal(real deviation, real mean = 0);
/// U(-b, b) with b = sqrt(3) * sqrt(2/fan_in) (He et al. 2015).
Init he_uniform();
/// U(-b, b) with b = gain * sqrt(6/(fan_in + fan_out)) (Glorot & Bengio 2010).
Init glorot_uniform(real gain = 1);
/// A matrix of orthonormal rows or columns, times gain (Saxe et al. 2014). A kernel counts as a [fan_in, fan_out]
/// matrix.
Init orthogonal(real gain = 1);
/// The same value everywhere.
Init constant(real value);

}  // namespace init
}  // namespace erg
