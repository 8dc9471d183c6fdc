#include "optim.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <unordered_set>

#include "../kernels/update.h"
#include "ops.h"
#include "tape.h"

namespace erg {

namespace {

/// How far from one parameter of n elements to the next.
int64_t aligned(int64_t n) { return (n + Arena::alignment - 1) / Arena::alignment * Arena::alignment; }

}  // namespace

Arena::Arena(std::vector<Tensor> params) : params_(std::move(params)) {
  if (params_.empty()) throw std::invalid_argument("[optimiser] got no parameters");
  std::unordered_set<const Storage*> seen;
  for (const Tensor& p : params_) {
    if (!seen.insert(p.storage().get()).second)
      throw std::invalid_argument("[optimiser] a parameter of shape " + to_string(p.shape()) + " is given twice");
    if (p.storage()->is_slice())
      throw std::invalid_argument("[optimiser] a parameter of shape " + to_string(p.shape()) +
                                  " belongs to another optimiser already");
    size_ += aligned(p.size());
  }
  memory_ = std::make_shared<Storage>(params_[0].device(), size_);
  int64_t offset = 0;
  for (Tensor& p : params_) {
    p.move_into(memory_, offset);
    offset += aligned(p.size());
  }
}

real* Arena::mutate() {
  for (Tensor& p : params_) p.mutate();
  return memory_->mutate();
}

void Arena::check(std::span<const Tensor> grads) const {
  if (grads.size() != params_.size())
    throw std::invalid_argument("[optimiser] " + std::to_string(params_.size()) + " parameters, " +
                                std::to_string(grads.size()) + " gradients");
  for (size_t i = 0; i < grads.size(); ++i)
    if (!(grads[i].shape() == params_[i].shape()))
      throw std::invalid_argument("[optimiser] parameter " + to_string(params_[i].shape()) + ", gradient " +
                                  to_string(grads[i].shape()));
}

template <class Launch>
void Arena::for_each_table(std::span<const Tensor> grads, const Launch& launch) const {
  int64_t offset = 0;
  for (size_t i = 0; i < grads.size();) {
    kernels::Gradients table;
    int64_t end = 0;
    for (; table.count < kernels::Gradients::max_count && i < grads.size(); ++i) {
      table.add(grads[i].data(), end, grads[i].size());
      end += aligned(grads[i].size());
    }
    launch(table, offset);
    offset += end;
  }
}

Adam::Adam(std::vector<Tensor> params, const Options& options)
    : arena_(std::move(params)), options_(options), m_(arena_.like()), v_(arena_.like()) {}

void Adam::step(std::span<const Tensor> grads) {
  arena_.check(grads);
  ++steps_;
  const kernels::AdamStep s{options_.rate,
                            options_.beta1,
                            options_.beta2,
                            options_.epsilon,
                            real(1 - std::pow(double(options_.beta1), double(steps_))),
                            real(1 - std::pow(double(options_.beta2), double(steps_)))};
  std::vector<Tensor> within;
  if (options_.clip > 0) grads = within = clipped(grads, s.correction2);
  real *m = m_.mutate(), *v = v_.mutate(), *p = arena_.mutate();
  arena_.for_each_table(grads, [&](const kernels::Gradients& g, int64_t at) {
    kernels::adam_(arena_.stream(), s, g, m + at, v + at, p + at);
  });
}

std::vector<Tensor> Adam::clipped(std::span<const Tensor> grads, real correction2) const {
  const Pause pause;
  const Tensor bounds = options_.clip * sqrt(v_ / correction2) + real(0.1);
  std::vector<Tensor> result;
  int64_t at = 0;
  for (const Tensor& g : grads) {
    const Tensor bound = reshape(slice(bounds, 0, at, at + g.size()), g.shape());
    result.push_back(maximum(minimum(g, bound), -bound));
    at += aligned(g.size());
  }
  return result;
}

void Adam::visit(Visitor& v) {
  v.buffer("m", m_);
  v.buffer("v", v_);
  v.counter("steps", steps_);
}

Sgd::Sgd(std::vector<Tensor> params, const Options& options)
    : arena_(std::move(params)), options_(options), velocity_(arena_.like()) {}

void Sgd::step(std::span<const Tensor> grads) {
  arena_.check(grads);
  real *velocity = velocity_.mutate(), *p = arena_.mutate();
  arena_.for_each_table(grads, [&](const kernels::Gradients& g, int64_t at) {
    kernels::sgd_(arena_.stream(), options_.rate, options_.momentum, g, velocity + at, p + at);
  });
}

void Sgd::visit(Visitor& v) { v.buffer("velocity", velocity_); }

RmsProp::RmsProp(std::vector<Tensor> params, const Options& options)
    : arena_(std::move(params)), options_(options), v_(arena_.like()) {}

void RmsProp::step(std::span<const Tensor> grads) {
  arena_.check(grads);
  real *second = v_.mutate(), *p = arena_.mutate();
  arena_.for_each_table(grads, [&](const kernels::Gradients& g, int64_t at) {
    kernels::rmsprop_(arena_.stream(), options_.rate, options_.decay, options_.epsilon, g, second + at, p + at);
  });
}

void RmsProp::clip_params(real bound) {
  kernels::clamp_(arena_.stream(), arena_.size(), -bound, bound, arena_.mutate());
}

void RmsProp::visit(Visitor& v) { v.buffer("v", v_); }

void update_average(std::span<Tensor> average, std::span<const Tensor> params, real decay) {
  if (average.size() != params.size())
    throw std::invalid_argument("[update_average] " + std::to_string(average.size()) + " averages, " +
                                std::to_string(params.size()) + " parameters");
  for (size_t i = 0; i < params.size(); ++i) {
    if (!(average[i].shape() == params[i].shape()))
      throw std::invalid_argument("[update_average] " + to_string(average[i].shape()) + " and " +
                                  to_string(params[i].shape()) + ": shapes differ");
    kernels::average_(stream_of(params[i]), params[i].size(), decay, params[i].data(), average[i].mutate());
  }
}

}  // namespace erg
