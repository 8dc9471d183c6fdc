// PairNet: a network that scores pairs of a sample and its noise, (x, z).
#pragma once

#include "system.h"

namespace erg {

/// head([trunk(x), z]): x [B,...] and z [B,latent] -> [B]. The trunk makes x [B,features]; an empty one passes it on.
struct PairNet {
  Sequential trunk, head;

  /// The scores of pairs.
  Tensor operator()(const Tensor& x, const Tensor& z, Mode mode) { return score(trunk(x, mode), z, mode); }
  /// The same for the trunk's features [B,features], which serve several z.
  Tensor score(const Tensor& features, const Tensor& z, Mode mode) {
    return scores(head(concat({features, z}, 1), mode));
  }
  void visit(Visitor& v) {
    v.sub("trunk", trunk);
    v.sub("head", head);
  }
};

}  // namespace erg
