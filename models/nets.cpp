#include "nets.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace erg {

Sequential mlp(const std::vector<int64_t>& sizes, Noise& noise, const MlpOptions& options) {
  if (sizes.size() < 2) throw std::invalid_argument("[mlp] wants at least an input and an output size");
  Sequential net;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const bool last = i + 2 == sizes.size();
    net.layers.push_back(Linear(sizes[i], sizes[i + 1], noise,
                                {.bias = last || options.hidden_bias,
                                 .spectral_norm = options.spectral_norm,
                                 .weight_init = last ? options.last_init : options.hidden_init,
                                 .bias_init = init::constant(0)}));
    if (last) break;
    if (options.batch_norm) net.layers.push_back(BatchNorm(sizes[i + 1], noise));
    net.layers.push_back(options.hidden);
  }
  return net;
}

namespace {

const Init kernel_init = init::normal(real(0.02));
constexpr Activation relu_layer{Activation::Kind::relu}, tanh_layer{Activation::Kind::tanh};

Activation leaky_layer(real slope) { return {Activation::Kind::leaky_relu, slope}; }

}  // namespace

Sequential maxout_mlp(const std::vector<int64_t>& sizes, int pieces, Noise& noise) {
  if (sizes.size() < 2) throw std::invalid_argument("[maxout_mlp] wants at least an input and an output size");
  Sequential net;
  const auto linear = [&](int64_t in, int64_t out) {
    net.layers.push_back(Linear(in, out, noise, {.weight_init = kernel_init, .bias_init = init::constant(0)}));
  };
  for (size_t i = 0; i + 2 < sizes.size(); ++i) {
    linear(sizes[i], pieces * sizes[i + 1]);
    net.layers.push_back(Maxout{pieces});
  }
  linear(sizes[sizes.size() - 2], sizes.back());
  return net;
}

// ---- The DCGAN family

namespace {

/// A convolution of a critic or a transposed one of a generator. Channels are in widths; 0 stands for the image's.
struct Stage {
  int64_t widths;
  int kernel, stride, pad, output_pad = 0;
};

/// What follows the first linear layer of a generator: the norm over the units, as they are before they become an
/// image, or over its channels.
enum class First { nothing, relu, norm_of_units, norm_of_channels };

struct Dcgan {
  DcganOptions::Kind kind;
  int64_t size;
  int64_t side, widths;  // of the image a generator begins with
  First first;
  bool norm = true;        // batch norm in the generator
  real slope = real(0.2);  // of the critic
  std::vector<Stage> generator, critic;
};

using Kind = DcganOptions::Kind;

const Dcgan family[] = {
    {.kind = Kind::meg,
     .size = 28,
     .side = 2,
     .widths = 8,
     .first = First::norm_of_channels,
     .generator = {{4, 5, 2, 2, 1}, {2, 5, 2, 2, 0}, {1, 5, 2, 2, 1}, {0, 5, 2, 2, 1}},
     .critic = {{1, 5, 2, 2}, {2, 5, 2, 2}, {4, 5, 2, 2}, {8, 5, 2, 2}}},
    {.kind = Kind::meg,
     .size = 32,
     .side = 4,
     .widths = 8,
     .first = First::nothing,
     .slope = real(0.1),
     .generator = {{4, 4, 2, 1}, {2, 4, 2, 1}, {1, 4, 2, 1}, {0, 3, 1, 1}},
     .critic = {{1, 3, 1, 1}, {1, 4, 2, 1}, {2, 3, 1, 1}, {2, 4, 2, 1}, {4, 3, 1, 1}, {4, 4, 2, 1}, {8, 3, 1, 1}}},
    {.kind = Kind::wgan_gp,
     .size = 28,
     .side = 4,
     .widths = 4,
     .first = First::relu,
     .norm = false,
     .generator = {{2, 5, 2, 2, 1}, {1, 5, 2, 2, 1}, {0, 5, 2, 2, 1}},
     .critic = {{1, 5, 2, 2}, {2, 5, 2, 2}, {4, 5, 2, 2}}},
    {.kind = Kind::wgan_gp,
     .size = 32,
     .side = 4,
     .widths = 4,
     .first = First::norm_of_units,
     .generator = {{2, 5, 2, 2, 1}, {1, 5, 2, 2, 1}, {0, 5, 2, 2, 1}},
     .critic = {{1, 5, 2, 2}, {2, 5, 2, 2}, {4, 5, 2, 2}}},
    {.kind = Kind::sn,
     .size = 32,
     .side = 4,
     .widths = 8,
     .first = First::norm_of_units,
     .generator = {{4, 4, 2, 1}, {2, 4, 2, 1}, {1, 4, 2, 1}, {0, 3, 1, 1}},
     .critic = {{1, 3, 1, 1}, {2, 4, 2, 1}, {2, 3, 1, 1}, {4, 4, 2, 1}, {4, 3, 1, 1}, {8, 4, 2, 1}, {8, 3, 1, 1}}},
    {.kind = Kind::small,
     .size = 28,
     .side = 7,
     .widths = 2,
     .first = First::norm_of_channels,
     .generator = {{1, 4, 2, 1}, {0, 4, 2, 1}},
     .critic = {{1, 4, 2, 1}, {2, 4, 2, 1}}},
};

const Dcgan& find(const char* net, const DcganOptions& o) {
  for (const Dcgan& member : family)
    if (member.kind == o.kind && member.size == o.size) return member;
  throw std::invalid_argument("[" + std::string(net) + "] has no such form for images of " + std::to_string(o.size) +
                              " pixels");
}

/// He et al.'s uniform weights as WGAN-GP's code has them: Glorot's times sqrt(2), with the fan out of a stride's part.
Init strided_he(int stride) {
  return [stride](const Shape& shape, int64_t fan_in, int64_t fan_out, Noise& noise) {
    return init::glorot_uniform(std::sqrt(real(2)))(shape, fan_in, fan_out / (stride * stride), noise);
  };
}

ConvOptions convolution(const Dcgan& member, const Stage& stage) {
  ConvOptions options;
  options.stride = stage.stride;
  options.pad = stage.pad;
  options.output_pad = stage.output_pad;
  options.weight_init = kernel_init;
  if (member.kind == Kind::wgan_gp) {
    options.weight_init = strided_he(stage.stride);
    options.bias_init = init::constant(0);
  }
  return options;
}

LayerOptions linear(const Dcgan& member) {
  if (member.kind == Kind::wgan_gp) return {.weight_init = init::glorot_uniform(), .bias_init = init::constant(0)};
  return {};
}

/// Scales of batch norm: N(1, 0.02^2) where the kernels are normal too, but for WGAN-GP's code.
Init scale_init(const Dcgan& member) {
  return member.kind == Kind::wgan_gp ? init::constant(1) : init::normal(real(0.02), 1);
}

}  // namespace

Sequential dcgan_generator(const DcganOptions& o, Noise& noise) {
  const Dcgan& member = find("dcgan_generator", o);
  Sequential net;
  const auto add = [&](auto layer) { net.layers.push_back(std::move(layer)); };
  const auto add_norm = [&](int64_t channels) { add(BatchNorm(channels, noise, scale_init(member))); };

  int64_t side = member.side, channels = member.widths * o.width;
  const int64_t units = side * side * channels;
  add(Linear(o.latent, units, noise, linear(member)));
  if (member.first == First::norm_of_units) add_norm(units);
  if (member.first == First::norm_of_units || member.first == First::relu) add(relu_layer);
  add(Reshape{{side, side, channels}});
  if (member.first == First::norm_of_channels) add_norm(channels), add(relu_layer);

  for (const Stage& stage : member.generator) {
    const bool last = stage.widths == 0;
    const int64_t out = last ? o.channels : stage.widths * o.width;
    add(ConvTranspose2d(channels, out, stage.kernel, noise, convolution(member, stage)));
    side = (side - 1) * stage.stride - 2 * stage.pad + stage.kernel + stage.output_pad;
    if (o.size == 28 && side == 8) add(Crop{side = 7});
    if (!last && member.norm) add_norm(out);
    add(last ? tanh_layer : relu_layer);
    channels = out;
  }
  return net;
}

Sequential dcgan_critic(const DcganOptions& o, Noise& noise, const CriticOptions& critic) {
  const Dcgan& member = find("dcgan_critic", o);
  Sequential net;
  const auto add = [&](auto layer) { net.layers.push_back(std::move(layer)); };
  int64_t side = o.size, channels = o.channels;
  for (const Stage& stage : member.critic) {
    const bool first = net.layers.empty();
    const int64_t out = stage.widths * o.width;
    ConvOptions options = convolution(member, stage);
    options.spectral_norm = critic.spectral_norm;
    add(Conv2d(channels, out, stage.kernel, noise, options));
    if (critic.batch_norm && !first) add(BatchNorm(out, noise, scale_init(member)));
    add(leaky_layer(member.slope));
    side = (side + 2 * stage.pad - stage.kernel) / stage.stride + 1;
    channels = out;
  }
  const int64_t features = side * side * channels;
  LayerOptions last = linear(member);
  last.spectral_norm = critic.spectral_norm;
  add(Reshape{{features}, channels});
  add(Linear(features, critic.outputs, noise, last));
  return net;
}

// ---- Energies

Sequential igebm_mnist(int64_t channels, int64_t width, Noise& noise) {
  Sequential net;
  const auto add = [&](auto layer) { net.layers.push_back(std::move(layer)); };
  const auto convolve = [&](int64_t in, int64_t out, int64_t kernel, int stride, int pad) {
    ConvOptions options;
    options.spectral_norm = true;
    options.stride = stride;
    options.pad = pad;
    add(Conv2d(in, out, kernel, noise, options));
    add(leaky_layer(real(0.2)));
  };
  convolve(channels, width, 3, 1, 1);       // 28 x 28
  convolve(width, width, 4, 2, 1);          // 14 x 14
  convolve(width, 2 * width, 4, 2, 1);      //  7 x 7
  convolve(2 * width, 4 * width, 4, 2, 2);  //  4 x 4
  const int64_t features = 4 * 4 * 4 * width;
  add(Reshape{{features}, 4 * width});
  add(Linear(features, 2 * width, noise, {.spectral_norm = true}));
  add(leaky_layer(real(0.2)));
  add(Linear(2 * width, 1, noise));
  return net;
}

Sequential anatomy_net(int64_t channels, int64_t width, Noise& noise) {
  Sequential net;
  const auto convolve = [&](int64_t in, int64_t out, int64_t kernel, int stride, int pad) {
    ConvOptions options;
    options.stride = stride;
    options.pad = pad;
    net.layers.push_back(Conv2d(in, out, kernel, noise, options));
  };
  convolve(channels, width, 3, 1, 1);
  for (int64_t in = width; in < 8 * width; in *= 2) {  // 32 x 32, 16 x 16, 8 x 8
    net.layers.push_back(leaky_layer(real(0.05)));
    convolve(in, 2 * in, 4, 2, 1);
  }
  net.layers.push_back(leaky_layer(real(0.05)));
  convolve(8 * width, 1, 4, 1, 0);  // 4 x 4 -> 1 x 1
  net.layers.push_back(Reshape{{1}});
  return net;
}

}  // namespace erg
