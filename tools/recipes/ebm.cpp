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
  langevin.noise_first = s.chain_noise_first;
  if (s.chain_clip > 0) langevin.grad_clip = real(s.chain_clip);
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

ReplayBuffer::Options buffer_options(const Settings& s, const Shape& sample) {
  using Policy = ReplayBuffer::Policy;
  ReplayBuffer::Options options{.capacity = s.buffer, .restart = s.restart};
  if (s.buffer_policy == "fifo") options.policy = Policy::fifo;
  if (s.buffer_policy == "reservoir") options.policy = Policy::reservoir;
  if (s.buffer_bytes) {
    if (!is_image(sample)) throw UsageError("--buffer-bytes is for images, not for samples of " + to_string(sample));
    options.bytes = kernels::ByteRange{-1, 1};
  }
  return options;
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
  /// Chains of the buffer, or new ones as long as it is empty.
  Tensor start(int64_t count);
  /// Chains from the buffer, moved on by as many steps as training moves them.
  Tensor sample(int64_t count, Noise& noise) { return run(langevin_, energy(), start(count), chain_steps_, noise); }
  void visit(Visitor& v);

 private:
  Langevin langevin_;
  int64_t chain_steps_;
  Noise chain_noise_, fresh_noise_;
  ReplayBuffer::Fresh fresh_;
  ReplayBuffer buffer_;
  Ebm ebm_;
};

PersistentEbm::PersistentEbm(const Settings& s, const Shape& sample)
    : langevin_(chains(s, sample)),
      chain_steps_(s.chain_steps),
      chain_noise_(noise_of(s, "chains")),
      fresh_noise_(noise_of(s, "fresh chains")),
      fresh_(fresh_chains(sample, fresh_noise_)),
      buffer_(buffer_options(s, sample), fresh_, Noise(s.seed, "buffer")),
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
  if (buffer_.size() == 0) return fresh_(count);
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

/// IGEBM (Du & Mordatch 2019, their code): Langevin steps from a first-in-first-out buffer of bytes. Its images are in
/// [0,1], these in [-1,1], so that steps and noise are twice the paper's.
Settings igebm(int64_t width, double chain_step, int64_t chain_steps) {
  Settings s{.nets = "igebm", .steps = 60000, .batch = 128, .width = width, .rate = 3e-4, .beta1 = 0};
  s.adam_clip = 3;
  s.dequantise = true;
  s.energy_l2 = 1;
  s.chain_steps = chain_steps;
  s.chain_step = chain_step;
  s.chain_noise = 0.01;
  s.chain_clip = 0.01;
  s.chain_noise_first = true;
  s.buffer_policy = "fifo";
  s.buffer_bytes = true;
  return s;
}

/// The small presets on images.
Settings images(const char* nets) {
  return {.nets = nets,
          .steps = 3000,
          .width = 16,
          .rate = 1e-4,
          .beta1 = 0,
          .energy_l2 = 0.1,
          .data_noise = 0.03,
          .chain_steps = 20,
          .buffer = 2000,
          .chain_step = 1,
          .chain_noise = 0.01};
}

}  // namespace

const Recipe recipes::ebm{
    .name = "ebm",
    .summary = "energy-based model by persistent contrastive divergence with Langevin chains (Tieleman 2008)",
    .make = trainer<make, targets>,
    // 2-D: the non-convergent toys of Nijkamp et al. 2020, whose chains begin anew at every step; from N(0,I) there,
    // from a box here. MNIST's batch is that of IGEBM's runs on CIFAR-10, from memory.
    .paper = {{{"8gaussians", "rings"},
               {.nets = "anatomy-toy",
                .steps = 100000,
                .batch = 100,
                .width = 64,
                .rate = 1e-4,
                .chain_steps = 100,
                .buffer = 100,
                .chain_step = 1,
                .chain_noise = 0.01,
                .restart = 1}},
              {{"mnist"}, igebm(64, 2, 20)},
              {{"cifar10"}, igebm(128, 20, 60)}},
    .small = {{{"25gaussians"},
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
              {{"mnist"}, images("small")},
              {{"cifar10"}, images("meg")}},
};

}  // namespace erg::tools
