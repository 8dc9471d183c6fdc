#include "features.h"

#include <algorithm>

namespace erg::tools {

Tensor random_rows(const Tensor& x, int64_t count, Noise& noise) {
  const int64_t d = x.dim(1);
  const Tensor host = x.to(cpu_device);
  std::vector<int64_t> order = noise.permutation(x.dim(0));
  order.resize(size_t(std::min(count, x.dim(0))));
  std::vector<real> values;
  for (int64_t row : order) values.insert(values.end(), host.data() + row * d, host.data() + (row + 1) * d);
  return Tensor::from_host({int64_t(order.size()), d}, values);
}

}  // namespace erg::tools
