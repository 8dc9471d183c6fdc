#include "veegan.h"

namespace erg {

Veegan::Veegan(Sequential generator, Sequential reconstructor, PairNet discriminator, const Options& options,
               Noise latent)
    : options_(options),
      generator_(std::move(generator)),
      reconstructor_(std::move(reconstructor)),
      discriminator_(std::move(discriminator)),
      generator_params_(params(generator_, reconstructor_)),
      discriminator_params_(params(discriminator_)),
      generator_adam_(generator_params_, options.adam),
      discriminator_adam_(discriminator_params_, options.adam),
      latent_(std::move(latent)),
      posterior_(latent_.fork("posterior")) {}

Tensor Veegan::discriminator_loss(const Tensor& generated, const Tensor& data) {
  return mean(softplus(-generated)) + mean(softplus(data));
}

Tensor Veegan::generator_loss(const Tensor& generated, const Tensor& z, const Tensor& reconstructed) {
  return mean(generated) + mean(sum_per_sample(square(z - reconstructed))) / 2;
}

Metrics Veegan::step(const Batches& next) {
  const Tensor x = next();
  Metrics metrics = step_discriminator(x), of_generator = step_generator(x.dim(0));
  metrics.insert(metrics.end(), of_generator.begin(), of_generator.end());
  return metrics;
}

Metrics Veegan::step_discriminator(const Tensor& x) {
  const Tensor z = prior(x.dim(0), latent_), fake = generator_(z, Mode::train);
  const Tensor mean_z = reconstructor_(x, Mode::train),
               z_of_x = mean_z + options_.deviation * posterior_.normal(mean_z.shape());
  Tape tape;
  tape.watch(discriminator_params_);
  const Tensor generated = discriminator_(fake, z, Mode::train), data = discriminator_(x, z_of_x, Mode::train);
  const Tensor loss = discriminator_loss(generated, data);
  discriminator_adam_.step(tape.grad(loss, discriminator_params_));

  const Pause pause;
  return {{"loss_d", loss.detach()}, {"D(G,z)", mean(sigmoid(generated))}, {"D(x,F)", mean(sigmoid(data))}};
}

Metrics Veegan::step_generator(int64_t batch) {
  Tape tape;
  tape.watch(generator_params_);
  const Tensor z = prior(batch, latent_), fake = generator_(z, Mode::train);
  const Tensor reconstructed = reconstructor_(fake, Mode::train);
  const Tensor loss = generator_loss(discriminator_(fake, z, Mode::train), z, reconstructed);
  generator_adam_.step(tape.grad(loss, generator_params_));

  const Pause pause;
  return {{"loss_g", loss.detach()}, {"z_error", mean(square(z - reconstructed))}};
}

void Veegan::visit(Visitor& v) {
  v.sub("generator", generator_);
  v.sub("reconstructor", reconstructor_);
  v.sub("discriminator", discriminator_);
  v.sub("generator_adam", generator_adam_);
  v.sub("discriminator_adam", discriminator_adam_);
  v.sub("latent", latent_);
  v.sub("posterior", posterior_);
}

}  // namespace erg
