#include "dense_net.h"

namespace erg {

namespace {

using kernels::DenseLayer;

bool append(const Linear& linear, std::vector<DenseLayer>& layers) {
  const int64_t in = linear.weight.dim(0), out = linear.weight.dim(1);
  if (linear.spectral_norm || in > DenseLayer::max_width || out > DenseLayer::max_width) return false;
  if (!layers.empty() && layers.back().out != in) return false;  // let the tape say what is wrong
  layers.push_back({.in = int(in),
                    .out = int(out),
                    .weight = linear.weight.data(),
                    .bias = linear.bias ? linear.bias.data() : nullptr,
                    .unit = DenseLayer::Unit::identity,
                    .slope = 0});
  return true;
}

bool append(const Activation& activation, std::vector<DenseLayer>& layers) {
  using Kind = Activation::Kind;
  using Unit = DenseLayer::Unit;
  if (layers.empty() || layers.back().unit != Unit::identity) return false;
  const auto set = [&](Unit unit, real slope = 0) {
    layers.back().unit = unit, layers.back().slope = slope;
    return true;
  };
  switch (activation.kind) {
    case Kind::relu: return set(Unit::leaky_relu, 0);
    case Kind::leaky_relu: return set(Unit::leaky_relu, activation.slope);
    case Kind::silu: return set(Unit::silu);
    case Kind::softplus: return set(Unit::softplus);
    case Kind::tanh: return set(Unit::tanh);
    case Kind::elu:
    case Kind::sigmoid: return false;
  }
  return false;
}

bool append(const auto&, std::vector<DenseLayer>&) { return false; }

}  // namespace

std::vector<DenseLayer> dense_layers(const Energy& energy, const Tensor& x) {
  const auto* held = energy.target<NetEnergy>();
  if (!held || x.rank() != 2) return {};
  std::vector<DenseLayer> layers;
  for (const Layer& layer : held->net.layers)
    if (!std::visit([&](const auto& l) { return append(l, layers); }, layer)) return {};
  if (layers.empty() || layers.front().in != x.dim(1) || layers.back().out != 1 ||
      layers.back().unit != DenseLayer::Unit::identity)
    return {};
  return layers;
}

}  // namespace erg
