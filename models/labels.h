// Labels: batches that have them, and what a classifier's logits are judged by. Classes are 0 ... K-1, kept as reals so
// that they stay on the device of the samples.
#pragma once

#include "system.h"

namespace erg {

/// A minibatch with its labels.
struct Labelled {
  Tensor x;  // [B,...]
  Tensor y;  // [B], the classes
};

/// The next minibatch of real samples with their labels.
using LabelledBatches = std::function<Labelled()>;

/// One where x > 0, zero elsewhere; a constant, unknown to any tape.
inline Tensor indicator(const Tensor& x) { return clamp(x.detach() * real(1e30), 0, 1); }

/// [B] -> [B,classes]: a row is one at its class and zero elsewhere.
Tensor one_hot(const Tensor& y, int64_t classes);

/// The logit of each sample's class: [B,K], [B] -> [B].
Tensor logit_of_class(const Tensor& logits, const Tensor& y);

/// -E log softmax(logits)[y] = E [logsumexp(logits) - logits[y]]; logits [B,K], y [B].
/// Throws std::invalid_argument when the shapes do not go together.
Tensor cross_entropy(const Tensor& logits, const Tensor& y);

/// The share of samples whose class has the largest logit, alone or not. Not recorded.
Tensor accuracy(const Tensor& logits, const Tensor& y);

/// softmax of each row: [B,K] -> [B,K].
Tensor softmax(const Tensor& logits);

}  // namespace erg
