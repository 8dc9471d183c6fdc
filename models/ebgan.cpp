#include "ebgan.h"

#include <stdexcept>

namespace erg {

namespace {

/// The small constant keeps the root's slope finite at zero.
Tensor norm_per_sample(const Tensor& x) { return sqrt(sum_per_sample(square(x)) + real(1e-12)); }

}  // namespace

// ---- The auto-encoder

Tensor AutoEncoder::error(const Tensor& code, const Tensor& x, Mode mode) {
  return norm_per_sample(reshape(decoder(code, mode), x.shape()) - x);
}

Tensor AutoEncoder::operator()(const Tensor& x, Mode mode) {
  return reshape(error(code(x, mode), x, mode), {x.dim(0), 1});
}

void AutoEncoder::visit(Visitor& v) {
  v.sub("encoder", encoder);
  v.sub("decoder", decoder);
}

// ---- The game

Objective Ebgan::objective(real margin) {
  Objective o;
  o.critic = [margin](const Tensor& real, const Tensor& fake) { return mean(real) + mean(relu(margin - fake)); };
  o.generator = [](const Tensor& fake) { return mean(fake); };
  o.report = [](const Tensor& loss, const Tensor& real, const Tensor& fake) -> Metrics {
    return {{"loss_d", loss}, {"R(x)", mean(real)}, {"R(G)", mean(fake)}};
  };
  return o;
}

Tensor Ebgan::pulling_away(const Tensor& codes) {
  const int64_t n = codes.dim(0);
  if (codes.rank() != 2 || n < 2)
    throw std::invalid_argument("[ebgan] the pulling-away term wants two codes or more, [N,F], got " +
                                to_string(codes.shape()));
  const Tensor unit = codes / reshape(norm_per_sample(codes), {n, 1});
  const Tensor all = sum(square(matmul(unit, unit, false, true)));
  const Tensor diagonal = sum(square(sum_per_sample(square(unit))));
  return (all - diagonal) / real(n * (n - 1));
}

Ebgan::Ebgan(Sequential generator, AutoEncoder discriminator, const Options& options, Noise latent)
    : Adversarial({std::move(generator), options.generator_adam}, {discriminator, options.discriminator_adam},
                  objective(options.margin), {.latent = options.latent}, std::move(latent)),
      discriminator_(std::move(discriminator)),
      pulling_away_(options.pulling_away) {
  if (!(options.margin >= 0))
    throw std::invalid_argument("[ebgan] the margin must not be negative, got " + std::to_string(options.margin));
}

Metrics Ebgan::step(const Batches& next) {
  const Tensor x = next();
  Metrics metrics = step_critic(x);

  Tape tape;
  tape.watch(generator_.params());
  const Tensor fake = fresh_fakes(x.dim(0)), code = discriminator_.code(fake, Mode::train);
  const Tensor energy = objective_.generator(discriminator_.error(code, fake, Mode::train));
  metrics.push_back({"loss_g", energy.detach()});
  if (pulling_away_ > 0) {
    const Tensor term = pulling_away(code);
    metrics.push_back({"pulling_away", term.detach()});
    generator_.descend(tape, energy + pulling_away_ * term);
  } else {
    generator_.descend(tape, energy);
  }
  return metrics;
}

// ---- The networks of the grid

namespace {

const Init init_weights = init::normal(real(0.02));

Linear linear(int64_t in, int64_t out, Noise& noise) {
  return Linear(in, out, noise, {.weight_init = init_weights, .bias_init = init::constant(0)});
}

constexpr Activation relu_layer{Activation::Kind::relu};

/// The layers of D but its last: samples -> [B,discriminator_size].
Sequential encoder_of(const EbganGrid& grid, const Shape& sample, Noise& noise, const Noise& masks) {
  if (grid.discriminator_layers < 2)
    throw std::invalid_argument("[ebgan] a discriminator of the grid has two layers or more, not " +
                                std::to_string(grid.discriminator_layers));
  const int64_t elements = sample.size(), size = grid.discriminator_size;
  Sequential net{{Reshape{{elements}, sample.rank() == 3 ? sample[2] : 0}}};
  for (int64_t i = 1; i < grid.discriminator_layers; ++i) {
    net.layers.push_back(linear(i == 1 ? elements : size, size, noise));
    if (i > 1) net.layers.push_back(BatchNorm(size, noise));
    net.layers.push_back(relu_layer);
    if (grid.dropout != 0) net.layers.push_back(Dropout(grid.dropout, masks.fork("layer " + std::to_string(i))));
  }
  return net;
}

}  // namespace

Sequential ebgan_generator(const EbganGrid& grid, const Shape& sample, Noise& noise, Activation::Kind output) {
  Sequential net;
  int64_t size = grid.latent;
  for (int64_t i = 1; i < grid.generator_layers; ++i, size = grid.generator_size) {
    net.layers.push_back(linear(size, grid.generator_size, noise));
    net.layers.push_back(BatchNorm(grid.generator_size, noise));
    net.layers.push_back(relu_layer);
  }
  net.layers.push_back(linear(size, sample.size(), noise));
  net.layers.push_back(Activation{output});
  net.layers.push_back(Reshape{{sample.begin(), sample.end()}});
  return net;
}

AutoEncoder ebgan_auto_encoder(const EbganGrid& grid, const Shape& sample, Noise& noise, const Noise& masks) {
  Sequential encoder = encoder_of(grid, sample, noise, masks);
  return {std::move(encoder), Sequential{{linear(grid.discriminator_size, sample.size(), noise)}}};
}

Sequential ebgan_discriminator(const EbganGrid& grid, const Shape& sample, int64_t outputs, Noise& noise,
                               const Noise& masks) {
  Sequential net = encoder_of(grid, sample, noise, masks);
  net.layers.push_back(linear(grid.discriminator_size, outputs, noise));
  return net;
}

}  // namespace erg
