#include "persistent_chains.h"

#include <algorithm>

#include "../error.h"
#include "networks.h"

namespace erg::tools {

namespace {

Langevin langevin_of(const Settings& s, const Shape& sample) {
  if (s.chain_step <= 0)
    throw UsageError("--chain-step: expected a positive number, got " + std::to_string(s.chain_step));
  Langevin langevin = Langevin::tempered(real(s.chain_step), real(s.chain_noise));
  langevin.noise_first = s.chain_noise_first;
  if (s.chain_clip > 0) langevin.grad_clip = real(s.chain_clip);
  if (is_image(sample)) {  // images live in [-1,1]
    langevin.low = -1;
    langevin.high = 1;
  }
  return langevin;
}

/// Uniform over the box the data lives in.
ReplayBuffer::Fresh fresh_chains(const Shape& sample, const Noise& noise) {
  const real extent = is_image(sample) ? 1 : 2;
  return [sample, extent, source = noise](int64_t count) mutable {
    Shape shape{count};
    for (int64_t d : sample) shape.push_back(d);
    return source.uniform(shape, -extent, extent);
  };
}

ReplayBuffer::Options buffer_options(const Settings& s, const Shape& sample) {
  using Policy = ReplayBuffer::Policy;
  if (s.buffer < s.batch)
    throw UsageError("--buffer " + std::to_string(s.buffer) + ": expected at least --batch, " +
                     std::to_string(s.batch));
  ReplayBuffer::Options options{.capacity = s.buffer, .restart = s.restart};
  if (s.buffer_policy == "fifo") options.policy = Policy::fifo;
  if (s.buffer_policy == "reservoir") options.policy = Policy::reservoir;
  if (s.buffer_bytes) {
    if (!is_image(sample)) throw UsageError("--buffer-bytes is for images, not for samples of " + to_string(sample));
    options.bytes = kernels::ByteRange{-1, 1};
  }
  return options;
}

}  // namespace

PersistentChains::PersistentChains(const Settings& s, const Shape& sample)
    : langevin_(langevin_of(s, sample)),
      steps_(s.chain_steps),
      from_data_(s.chain_start == "data"),
      noise_(noise_of(s, "chains")),
      fresh_noise_(noise_of(s, "fresh chains")),
      fresh_(fresh_chains(sample, fresh_noise_)),
      buffer_(buffer_options(s, sample), fresh_, Noise(s.seed, "buffer")) {}

Ebm::NegativeSampler PersistentChains::sampler() {
  return [this](const Energy& energy, const Tensor& x) {
    // On a GPU nobody waits to look at every chain: training looks at the energies they end with.
    const Check check = noise_.device() == cpu_device ? Check::finite : Check::nothing;
    const Tensor moved = run(langevin_, energy, from_data_ ? x : buffer_.draw(x.dim(0)), steps_, noise_, check);
    if (!from_data_) buffer_.put_back(moved);
    return moved;
  };
}

Tensor PersistentChains::start(int64_t count) {
  if (buffer_.size() == 0) return fresh_(count);
  // Where more are wanted than there are chains, several start from the same one and part by their noise.
  const Tensor held = buffer_.chains();
  std::vector<Tensor> starts;
  for (int64_t left = count; left > 0; left -= starts.back().dim(0))
    starts.push_back(slice(held, 0, 0, std::min(left, held.dim(0))));
  return concat(starts, 0);
}

Target PersistentChains::target(Energy energy) {
  const real temperature = langevin_.temperature();
  if (!(temperature > 0)) throw UsageError("this run was trained with --chain-noise 0; its energy has no temperature");
  return {.space = "data",
          .energy = [energy, temperature](const Tensor& x) { return energy(x) / temperature; },
          .step_size = langevin_.drift * temperature,
          .low = langevin_.low,
          .high = langevin_.high,
          .start = [this](int64_t count, Noise&) { return start(count); },
          .samples = [](const Tensor& x) { return x; }};
}

void PersistentChains::visit(Visitor& v) {
  v.sub("buffer", buffer_);
  v.sub("noise", noise_);
  v.sub("fresh_noise", fresh_noise_);
}

}  // namespace erg::tools
