// Precision and recall of samples by nearest neighbours (Kynkaanniemi et al. 2019): each set is taken to cover the
// balls about its members that reach to their k-th nearest neighbour in the set.
#pragma once

#include "../../engine/tensor.h"

namespace erg::tools {

struct PrecisionRecall {
  double precision;  // the share of samples that the real set covers: are they realistic?
  double recall;     // the share of the real ones that the samples cover: is everything there?
};

/// Of samples [N,d] and real [M,d] features; the protocol has N = M and k = 3. Distances are computed in `real` from
/// products, after moving the real set's mean to the origin, which costs them few digits. Throws std::invalid_argument
/// unless both sets have more than k members of the same d.
PrecisionRecall precision_recall(const Tensor& samples, const Tensor& real_ones, int k = 3);

}  // namespace erg::tools
