#include "labels.h"

#include <numeric>
#include <stdexcept>

namespace erg {

namespace {

void check(const char* function, const Tensor& logits, const Tensor& y) {
  if (logits.rank() != 2 || !(y.shape() == Shape{logits.dim(0)}))
    throw std::invalid_argument("[" + std::string(function) + "] wants logits [B,K] and classes [B], got " +
                                to_string(logits.shape()) + " and " + to_string(y.shape()));
}

}  // namespace

Tensor one_hot(const Tensor& y, int64_t classes) {
  std::vector<real> numbers(static_cast<size_t>(classes));
  std::iota(numbers.begin(), numbers.end(), real(0));
  const Tensor row = Tensor::from_host({1, classes}, numbers, y.device());
  return relu(1 - abs(reshape(y, {y.dim(0), 1}) - row));
}

Tensor logit_of_class(const Tensor& logits, const Tensor& y) {
  check("logit_of_class", logits, y);
  return sum_per_sample(logits * one_hot(y, logits.dim(1)));
}

Tensor cross_entropy(const Tensor& logits, const Tensor& y) {
  check("cross_entropy", logits, y);
  return mean(logsumexp_per_sample(logits) - logit_of_class(logits, y));
}

Tensor accuracy(const Tensor& logits, const Tensor& y) {
  check("accuracy", logits, y);
  const Tensor constant = logits.detach();
  return mean(1 - indicator(max_per_sample(constant) - logit_of_class(constant, y)));
}

Tensor softmax(const Tensor& logits) { return exp(logits - reshape(logsumexp_per_sample(logits), {logits.dim(0), 1})); }

}  // namespace erg
