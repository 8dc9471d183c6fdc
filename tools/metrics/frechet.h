// Frechet distance between two sets of features, each taken for a Gaussian (Dowson & Landau 1982). With the features of
// Inception-v3's last pooling it is the FID of Heusel et al. 2017; with others it is on another scale.
#pragma once

#include <vector>

#include "../../engine/tensor.h"

namespace erg::tools {

struct Moments {
  std::vector<double> mean;        // [d]
  std::vector<double> covariance;  // [d,d], unbiased (divided by N-1)
};

/// Mean and covariance of features [N,d], accumulated in double. Throws std::invalid_argument unless N > d: with fewer
/// samples the covariance has no full rank, and the distance would measure their number.
Moments moments(const Tensor& features);

/// |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2). The usual code takes the root of S1 S2, which is not
/// symmetric, and drops what comes out imaginary; this form has the same trace and real roots. It falls with the number
/// of samples: report that with it. Throws std::invalid_argument for moments of different sizes.
double frechet_distance(const Moments& a, const Moments& b);

}  // namespace erg::tools
