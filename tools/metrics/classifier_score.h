// What a classifier says of samples: accuracy, and the scores of Salimans et al. 2016 and Zhao et al. 2017.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../../engine/tensor.h"

namespace erg::tools {

/// The most probable class of each row of logits [N,K], K <= 256; the first of equal ones.
std::vector<uint8_t> classes(const Tensor& logits);

/// The share of rows of logits [N,K] whose largest is at the label. The logits may be a fixed classifier's on
/// class-conditional samples, or a joint energy model's own (JEM, Grathwohl et al. 2020: f(x)[y]) on test images.
/// Throws std::invalid_argument unless there are N > 0 labels.
double accuracy(const Tensor& logits, std::span<const uint8_t> labels);

struct SplitScore {
  double mean, deviation;  // over the splits; the deviation divides by their number, as numpy.std does
};

/// exp(mean_x KL(p(y|x) || p(y))) of each of `splits` equal runs of the samples, p(y) being the run's own mean; logits
/// [N,K]. It lies between 1 and K. With Inception-v3's 2015 logits, 50,000 images and 10 splits it is the Inception
/// Score; a small split biases p(y) and with it the score. Throws std::invalid_argument for fewer samples than splits.
SplitScore classifier_score(const Tensor& logits, int splits = 10);

struct ReverseScore {
  double squared, plain;  // E_x KL^2 and E_x KL
};

/// EBGAN's modified inception score on MNIST, I' = E_x KL(p(y) || p(y|x))^2 (Zhao et al. 2017), with p(y) the mean of
/// p(y|x) over all samples; logits [N,K]. The order is the opposite of classifier_score's, and there is no exp. The
/// exponent, which the paper's text does not speak of, may be the mark of a footnote: hence the mean without it. Both
/// are at least zero, that is where p(y|x) is the same for all x, and have no upper bound: they grow with the
/// classifier's logits, and compare samples by one classifier only. Throws std::invalid_argument for no samples.
ReverseScore reverse_score(const Tensor& logits);

}  // namespace erg::tools
