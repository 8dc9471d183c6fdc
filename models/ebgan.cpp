#include "ebgan.h"

#include <stdexcept>

#include "labels.h"
#include "nets.h"

namespace erg {

namespace {

/// The small constant keeps the root's slope finite at zero.
Tensor norm_per_sample(const Tensor& x) { return sqrt(sum_per_sample(square(x)) + real(1e-12)); }

/// A unit stays with probability 1 - rate, and is scaled so that its mean does.
Tensor drop(const Tensor& x, real rate, Noise& masks) {
  return x * indicator(masks.uniform(x.shape()) - rate) / (1 - rate);
}

}  // namespace

// ---- The auto-encoder

AutoEncoder::AutoEncoder(std::vector<Sequential> encoder, Sequential decoder, real dropout, Noise masks)
    : encoder(std::move(encoder)), decoder(std::move(decoder)), dropout(dropout), masks(std::move(masks)) {
  if (!(dropout >= 0 && dropout < 1))
    throw std::invalid_argument("[ebgan] dropout must be in [0,1), got " + std::to_string(dropout));
}

Tensor AutoEncoder::code(const Tensor& x, Mode mode) {
  Tensor h = x;
  for (Sequential& block : encoder) {
    h = block(h, mode);
    if (mode == Mode::train && dropout > 0) h = drop(h, dropout, masks);
  }
  return h;
}

Tensor AutoEncoder::error(const Tensor& code, const Tensor& x, Mode mode) {
  return norm_per_sample(reshape(decoder(code, mode), x.shape()) - x);
}

Tensor AutoEncoder::operator()(const Tensor& x, Mode mode) {
  return reshape(error(code(x, mode), x, mode), {x.dim(0), 1});
}

void AutoEncoder::visit(Visitor& v) {
  for (size_t i = 0; i < encoder.size(); ++i) v.sub("encoder." + std::to_string(i), encoder[i]);
  v.sub("decoder", decoder);
  v.sub("masks", masks);
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

}  // namespace

Sequential ebgan_generator(const EbganGrid& grid, const Shape& sample, Noise& noise) {
  Sequential net;
  int64_t size = grid.latent;
  for (int64_t i = 1; i < grid.generator_layers; ++i, size = grid.generator_size) {
    net.layers.push_back(linear(size, grid.generator_size, noise));
    net.layers.push_back(BatchNorm(grid.generator_size, noise));
    net.layers.push_back(relu_layer);
  }
  net.layers.push_back(linear(size, sample.size(), noise));
  net.layers.push_back(Activation{Activation::Kind::tanh});
  net.layers.push_back(Reshape{{sample.begin(), sample.end()}});
  return net;
}

AutoEncoder ebgan_auto_encoder(const EbganGrid& grid, const Shape& sample, Noise& noise, Noise masks) {
  if (grid.discriminator_layers < 2)
    throw std::invalid_argument("[ebgan] an auto-encoder has two layers or more, not " +
                                std::to_string(grid.discriminator_layers));
  const int64_t elements = sample.size(), size = grid.discriminator_size;
  std::vector<Sequential> encoder(1);
  encoder[0].layers = {Reshape{{elements}}, linear(elements, size, noise), relu_layer};
  for (int64_t i = 2; i < grid.discriminator_layers; ++i)
    encoder.push_back(Sequential{{linear(size, size, noise), BatchNorm(size, noise), relu_layer}});
  Sequential decoder{{linear(size, elements, noise)}};
  return AutoEncoder(std::move(encoder), std::move(decoder), grid.dropout ? real(0.5) : 0, std::move(masks));
}

}  // namespace erg
