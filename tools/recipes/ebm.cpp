#include "../../models/ebm.h"

#include <algorithm>

#include "../../samplers/langevin.h"
#include "../../samplers/replay.h"
#include "../error.h"
#include "networks.h"
#include "recipes.h"

namespace erg::tools {

namespace {

Langevin chains(const Settings& s, const Shape& sample) {
  if (s.chain_step <= 0)
    throw UsageError("--chain-step: expected a positive number, got " + std::to_string(s.chain_step));
  Langevin langevin = Langevin::tempered(real(s.chain_step), real(s.chain_noise));
  if (is_image(sample)) {  // images live in [-1,1]
    langevin.low = -1;
    langevin.high = 1;
  }
  return langevin;
}

ReplayBuffer::Fresh fresh_chains(const Shape& sample, const Noise& noise) {
  // Uniform over the box the data lives in.
  const real extent = is_image(sample) ? 1 : 2;
  return [sample, extent, source = noise](int64_t count) mutable {
    Shape shape{count};
    for (int64_t d : sample) shape.push_back(d);
    return source.uniform(shape, -extent, extent);
  };
}

/// An EBM with the chains that feed it: persistent contrastive divergence by Langevin dynamics.
class PersistentEbm {
 public:
  PersistentEbm(const Settings& settings, const Shape& sample);
  PersistentEbm(const PersistentEbm&) = delete;
  Metrics step(const Batches& next) { return ebm_.step(next); }
  void set_rate(real rate) { ebm_.set_rate(rate); }
  Energy energy() const { return ebm_.energy(); }
  /// How its chains move while it is trained.
  const Langevin& langevin() const { return langevin_; }
  /// Chains of the buffer.
  Tensor start(int64_t count);
  /// Chains from the buffer, moved on by as many steps as training moves them.
  Tensor sample(int64_t count, Noise& noise) { return run(langevin_, energy(), start(count), chain_steps_, noise); }
  void visit(Visitor& v);

 private:
  Langevin langevin_;
  int64_t chain_steps_;
  Noise chain_noise_, fresh_noise_;
  ReplayBuffer buffer_;
  Ebm ebm_;
};

PersistentEbm::PersistentEbm(const Settings& s, const Shape& sample)
    : langevin_(chains(s, sample)),
      chain_steps_(s.chain_steps),
      chain_noise_(noise_of(s, "chains")),
      fresh_noise_(noise_of(s, "fresh chains")),
      buffer_(s.buffer, 0.05, fresh_chains(sample, fresh_noise_), Noise(s.seed, "buffer")),
      ebm_(
          [&] {
            Noise noise(s.seed, "weights");
            return critic_net(s, sample, noise, {.hidden = {Activation::Kind::silu}});
          }(),
          {.energy_l2 = real(s.energy_l2), .data_noise = real(s.data_noise), .adam = adam_of(s)},
          [this](const Energy& energy, int64_t count) {
            // On a GPU nobody waits to look at every chain: training looks at the energies they end with.
            const Check check = chain_noise_.device() == cpu_device ? Check::finite : Check::nothing;
            const Tensor moved = run(langevin_, energy, buffer_.draw(count), chain_steps_, chain_noise_, check);
            buffer_.put_back(moved);
            return moved;
          },
          noise_of(s, "data noise")) {}

Tensor PersistentEbm::start(int64_t count) {
  // Where more are wanted than there are chains, several start from the same one and part by their noise.
  const Tensor held = buffer_.chains();
  std::vector<Tensor> starts;
  for (int64_t left = count; left > 0; left -= starts.back().dim(0))
    starts.push_back(slice(held, 0, 0, std::min(left, held.dim(0))));
  return concat(starts, 0);
}

void PersistentEbm::visit(Visitor& v) {
  v.sub("ebm", ebm_);
  v.sub("buffer", buffer_);
  v.sub("chain_noise", chain_noise_);
  v.sub("fresh_noise", fresh_noise_);
}

PersistentEbm make(const Settings& s, const Shape& sample) { return PersistentEbm(s, sample); }

/// The law the energy was trained under: the temperature and the box are those of its chains.
std::vector<Target> targets(PersistentEbm& ebm) {
  const Langevin& langevin = ebm.langevin();
  const real temperature = langevin.temperature();
  if (!(temperature > 0)) throw UsageError("this run was trained with --chain-noise 0; its energy has no temperature");
  return {{.space = "data",
           .energy = [&ebm, temperature](const Tensor& x) { return ebm.energy()(x) / temperature; },
           .step_size = langevin.drift * temperature,
           .low = langevin.low,
           .high = langevin.high,
           .start = [&ebm](int64_t count, Noise&) { return ebm.start(count); },
           .samples = [](const Tensor& x) { return x; }}};
}

}  // namespace

const Recipe recipes::ebm{
    .name = "ebm",
    .summary = "energy-based model by persistent contrastive divergence with Langevin chains",
    .make = trainer<make, targets>,
    .paper = {{"25gaussians",
               {.steps = 3000,
                .batch = 256,
                .width = 128,
                .rate = 1e-3,
                .beta1 = 0,
                .schedule = "late",
                .chain_steps = 20,
                .buffer = 10000,
                .chain_step = 1e-4,
                .chain_noise = 0.0141}},
              {"mnist",
               {.nets = "meg",
                .steps = 60000,
                .batch = 64,
                .width = 64,
                .rate = 1e-4,
                .beta1 = 0,
                .energy_l2 = 0.1,
                .data_noise = 0.03,
                .chain_steps = 20,
                .buffer = 10000,
                .chain_step = 1,
                .chain_noise = 0.01}}},
    .small = {{"25gaussians",
               {.steps = 3000,
                .batch = 256,
                .width = 128,
                .rate = 1e-3,
                .beta1 = 0,
                .schedule = "late",
                .chain_steps = 20,
                .buffer = 10000,
                .chain_step = 1e-4,
                .chain_noise = 0.0141}},
              {"mnist",
               {.nets = "small",
                .steps = 3000,
                .batch = 64,
                .width = 16,
                .rate = 1e-4,
                .beta1 = 0,
                .energy_l2 = 0.1,
                .data_noise = 0.03,
                .chain_steps = 20,
                .buffer = 2000,
                .chain_step = 1,
                .chain_noise = 0.01}}},
};

}  // namespace erg::tools
