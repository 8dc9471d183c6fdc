#include "replay.h"

#include <stdexcept>
#include <string>

#include "../kernels/copy.h"

namespace erg {

namespace {

/// Copies row `from` of x to row `to` of y; rows are everything but the first dimension.
void copy_row(const Tensor& x, int64_t from, Tensor& y, int64_t to) {
  const int64_t row = x.size() / x.dim(0);
  kernels::copy_box(stream_of(x), {{1, 1, 1, row}, {0, 0, 0, 1}, {0, 0, 0, 1}}, x.data() + from * row,
                    y.mutate() + to * row);
}

}  // namespace

ReplayBuffer::ReplayBuffer(int64_t capacity, double restart, Fresh fresh, Noise noise)
    : restart_(restart), fresh_(std::move(fresh)), noise_(std::move(noise)) {
  if (capacity < 1)
    throw std::invalid_argument("[replay] capacity must be at least 1, got " + std::to_string(capacity));
  if (!(restart >= 0 && restart <= 1))
    throw std::invalid_argument("[replay] the restarted share must be in [0,1], got " + std::to_string(restart));
  chains_ = make_fresh(capacity).clone();
}

Tensor ReplayBuffer::make_fresh(int64_t count) const {
  const Tensor fresh = fresh_(count);
  Shape expected = chains_ ? chains_.shape() : fresh.shape();
  if (expected.rank() > 0) expected[0] = count;
  if (expected.rank() == 0 || !(fresh.shape() == expected))
    throw std::invalid_argument("[replay] asked for " + std::to_string(count) + " fresh chains, got " +
                                to_string(fresh.shape()));
  return fresh;
}

Tensor ReplayBuffer::draw(int64_t count) {
  const int64_t capacity = chains_.dim(0);
  if (count < 1 || count > capacity)
    throw std::invalid_argument("[replay] cannot draw " + std::to_string(count) + " of " + std::to_string(capacity) +
                                " chains");
  drawn_ = noise_.permutation(capacity);
  drawn_.resize(size_t(count));

  Shape shape = chains_.shape();
  shape[0] = count;
  Tensor batch = Tensor::empty(shape, chains_.device());
  for (int64_t i = 0; i < count; ++i) copy_row(chains_, drawn_[size_t(i)], batch, i);

  const std::vector<real> chance = noise_.uniform({count}).to_host();
  const Tensor fresh = restart_ > 0 ? make_fresh(count) : Tensor();
  for (int64_t i = 0; i < count; ++i)
    if (chance[size_t(i)] < restart_) copy_row(fresh, i, batch, i);
  return batch;
}

void ReplayBuffer::put_back(const Tensor& chains) {
  Shape expected = chains_.shape();
  expected[0] = int64_t(drawn_.size());
  if (!(chains.shape() == expected))
    throw std::invalid_argument("[replay] the last draw was " + to_string(expected) + ", got " +
                                to_string(chains.shape()));
  for (int64_t i = 0; i < chains.dim(0); ++i) copy_row(chains, i, chains_, drawn_[size_t(i)]);
}

void ReplayBuffer::visit(Visitor& v) {
  v.buffer("chains", chains_);
  v.sub("noise", noise_);
}

}  // namespace erg
