#include "langevin.h"

#include <cmath>
#include <string>

#include "../engine/ops.h"
#include "../kernels/chain.h"
#include "../kernels/conv_fused.h"
#include "dense_net.h"
#include "image_net.h"

namespace erg {

Langevin Langevin::exact(real eta) { return {.drift = eta, .noise = std::sqrt(2 * eta)}; }

Langevin Langevin::ddls(real epsilon) { return {.drift = epsilon / 2, .noise = std::sqrt(epsilon)}; }

Langevin Langevin::tempered(real step, real noise) { return {.drift = step, .noise = noise}; }

Langevin Langevin::jem() { return tempered(1, real(0.01)); }

Langevin Langevin::igebm() {
  return {.drift = 10, .noise = real(0.005), .low = 0, .high = 1, .grad_clip = real(0.01), .noise_first = true};
}

void Langevin::check() const {
  if (!(drift > 0) || !std::isfinite(drift))
    throw std::invalid_argument("[langevin] the step must be positive, got " + std::to_string(drift));
  if (!(noise >= 0) || !std::isfinite(noise))
    throw std::invalid_argument("[langevin] the noise must be at least 0, got " + std::to_string(noise));
  if (!(low <= high))
    throw std::invalid_argument("[langevin] the box must have low <= high, got " + std::to_string(low) + " and " +
                                std::to_string(high));
  if (!(grad_clip > 0))
    throw std::invalid_argument("[langevin] grad_clip must be positive, got " + std::to_string(grad_clip));
}

void Langevin::step(const Energy& energy, Chains& chains, Noise& source) const {
  const Shape shape = chains.x.shape();
  if (noise_first) chains.move_to(chains.x + noise * source.normal(shape, chains.first));
  const kernels::LangevinUpdate update{drift, noise_first ? 0 : noise, low, high, grad_clip};
  const Stream stream = stream_of(chains.x);
  const kernels::NoiseKey key = source.key(chains.first * shape.row_size());
  const auto before = chains.evaluated ? std::nullopt : evaluate_before_image(energy, chains.x);
  if (before) {
    chains.energy = before->energy.clone();
    Storage workspace(chains.x.device(), kernels::conv2d_dx_langevin_workspace(chains.x.device(), before->shape));
    kernels::conv2d_dx_langevin_(stream, before->shape, before->cotangent.data(), before->weight.data(), update, key,
                                 workspace.mutate(), chains.x.mutate());
  } else {
    chains.evaluate(energy);
    kernels::langevin_(stream, update, key, shape.size(), chains.gradient.data(), chains.x.mutate());
  }
  if (update.noise != 0) source.advance();
  chains.evaluated = false;
}

int64_t Langevin::run_whole(const Energy& energy, Chains& chains, int64_t steps, Noise& source, Trace& trace,
                            int64_t row) const {
  if (noise_first) return 0;
  const std::vector<kernels::DenseLayer> layers = dense_layers(energy, chains.x);
  if (layers.empty()) return 0;
  const kernels::DenseNet net{int(layers.size()), layers.data()};
  Storage workspace(chains.x.device(), kernels::dense_chain_workspace(chains.x.device(), net));
  const int64_t count = std::min(steps, detail::longest_trace), n = chains.x.shape().row_size();
  kernels::dense_chain_(stream_of(chains.x), net, {drift, noise, low, high, grad_clip}, source.key(chains.first * n),
                        chains.count(), int(count), workspace.mutate(), trace.energy.mutate() + row * chains.count(),
                        chains.x.mutate());
  if (noise != 0) source.advance(count);
  chains.evaluated = false;
  return count;
}

}  // namespace erg
