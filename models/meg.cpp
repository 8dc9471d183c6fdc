#include "meg.h"

#include <stdexcept>

#include "adversarial.h"

namespace erg {

Meg::Meg(Sequential generator, Sequential energy, Statistics statistics, const Options& options, Noise latent)
    : options_(options),
      generator_(std::move(generator)),
      energy_(std::move(energy)),
      statistics_(std::move(statistics)),
      generator_params_(params(generator_)),
      energy_params_(params(energy_)),
      statistics_params_(params(statistics_)),
      generator_adam_(generator_params_, options.adam),
      energy_adam_(energy_params_, options.adam),
      statistics_adam_(statistics_params_, options.adam),
      latent_(std::move(latent)) {
  if (options.energy_steps < 1)
    throw std::invalid_argument("[meg] energy_steps must be at least 1, got " + std::to_string(options.energy_steps));
}

Metrics Meg::step(const Batches& next) {
  const Tensor x = next();
  Metrics metrics = step_generator(x.dim(0)), of_energy = step_energy(x);
  for (int k = 1; k < options_.energy_steps; ++k) of_energy = step_energy(next());
  metrics.insert(metrics.end(), of_energy.begin(), of_energy.end());
  return metrics;
}

Metrics Meg::step_generator(int64_t batch) {
  Tape tape;
  tape.watch(generator_params_);
  tape.watch(statistics_params_);
  const Tensor z = prior(batch, latent_);
  // z is independent between samples, so shifting them by one is as good as any shuffle, and has no fixed points.
  const Tensor strangers = concat({slice(z, 0, 1, batch), slice(z, 0, 0, 1)}, 0);

  const Tensor fake = generator_(z, Mode::train);
  const Tensor energy = mean(scores(energy_(fake, Mode::train)));
  // log 2 = 0.693 says that T knows nothing of z, and 0 that G(z) tells it all.
  const Tensor seen = statistics_.trunk(fake, Mode::train);
  const Tensor information = (mean(softplus(-statistics_.score(seen, z, Mode::train))) +
                              mean(softplus(statistics_.score(seen, strangers, Mode::train)))) /
                             2;

  std::vector<Tensor> both = generator_params_;
  both.insert(both.end(), statistics_params_.begin(), statistics_params_.end());
  const std::vector<Tensor> gradients = tape.grad(energy + information, both);
  const std::span<const Tensor> all(gradients);
  generator_adam_.step(all.first(generator_params_.size()));
  statistics_adam_.step(all.subspan(generator_params_.size()));

  return {{"E(G)", energy.detach()}, {"T", information.detach()}};
}

Metrics Meg::step_energy(const Tensor& x) {
  const Tensor fake = generator_(prior(x.dim(0), latent_), Mode::train);
  Tape tape;
  tape.watch(energy_params_);
  tape.watch(x);
  const Tensor energy_real = scores(energy_(x, Mode::train));
  const int64_t pixels = options_.pixel_penalty && x.rank() == 4 ? x.dim(1) * x.dim(2) : 1;
  const Tensor penalty = mean(squared_gradient(tape, energy_real, x)) / real(pixels);
  const Tensor gap = mean(energy_real) - mean(scores(energy_(fake, Mode::train)));
  energy_adam_.step(tape.grad(gap + options_.penalty * penalty, energy_params_));

  return {{"gap", gap.detach()}, {"penalty", penalty.detach()}};
}

void Meg::visit(Visitor& v) {
  v.sub("generator", generator_);
  v.sub("energy", energy_);
  v.sub("statistics", statistics_);
  v.sub("generator_adam", generator_adam_);
  v.sub("energy_adam", energy_adam_);
  v.sub("statistics_adam", statistics_adam_);
  v.sub("latent", latent_);
}

}  // namespace erg
