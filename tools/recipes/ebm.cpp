#include "../../models/ebm.h"

#include "networks.h"
#include "persistent_chains.h"
#include "recipes.h"

namespace erg::tools {

namespace {

constexpr std::pair<const char*, Ebm::Loss> losses[] = {
    {"difference", Ebm::Loss::difference}, {"logsumexp", Ebm::Loss::logsumexp}, {"softplus", Ebm::Loss::softplus}};

WithChains<Ebm> make(const Settings& s, const Shape& sample) {
  return {s, sample, [&](Ebm::NegativeSampler sampler) {
            Noise noise(s.seed, "weights");
            return Ebm(critic_net(s, sample, noise, {.hidden = {Activation::Kind::silu}}),
                       {.loss = word_of(losses, s.loss),
                        .energy_l2 = real(s.energy_l2),
                        .data_noise = real(s.data_noise),
                        .last_step = {.weight = real(s.last_step),
                                      .drift = real(s.chain_step),
                                      .grad_clip = s.chain_clip > 0 ? real(s.chain_clip)
                                                                    : std::numeric_limits<real>::infinity()},
                        .watch_gradient = s.watch_gradient,
                        .adam = adam_of(s)},
                       std::move(sampler), noise_of(s, "data noise"));
          }};
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
          .steps = 2000,
          .width = 16,
          .rate = 3e-4,
          .beta1 = 0,
          .schedule = "late",
          .energy_l2 = 0.1,
          .data_noise = 0.03,
          .chain_steps = 20,
          .buffer = 2000,
          .chain_step = 10,
          .chain_noise = 0.01};
}

}  // namespace

const Recipe recipes::ebm{
    .name = "ebm",
    .summary = "energy-based model by persistent contrastive divergence with Langevin chains (Tieleman 2008)",
    .make = trainer<make, chain_target<Ebm>>,
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
    .settings = adam_settings + chain_settings +
                SettingNames{"nets", "width", "data-noise", "loss", "energy-l2", "last-step", "watch-gradient"},
    .losses = words<losses>,
};

}  // namespace erg::tools
