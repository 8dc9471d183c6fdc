#include "nets.h"

#include <stdexcept>
#include <string>

namespace erg {

Sequential mlp(const std::vector<int64_t>& sizes, Noise& noise, const MlpOptions& options) {
  if (sizes.size() < 2) throw std::invalid_argument("[mlp] wants at least an input and an output size");
  Sequential net;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const bool last = i + 2 == sizes.size();
    net.layers.push_back(Linear(sizes[i], sizes[i + 1], noise,
                                {.spectral_norm = options.spectral_norm,
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
const Init scale_init = init::normal(real(0.02), 1);
constexpr Activation relu_layer{Activation::Kind::relu};

[[noreturn]] void unknown_size(const char* net, int64_t size) {
  throw std::invalid_argument("[" + std::string(net) + "] images of 28 or 32 pixels, not " + std::to_string(size));
}

ConvOptions convolution(int stride, int pad, int output_pad = 0) {
  ConvOptions options;
  options.weight_init = kernel_init;
  options.stride = stride;
  options.pad = pad;
  options.output_pad = output_pad;
  return options;
}

}  // namespace

Sequential dcgan_generator(const DcganOptions& o, Noise& noise) {
  const int64_t w = o.width;
  Sequential net;
  const auto add = [&](auto layer) { net.layers.push_back(std::move(layer)); };
  const auto up = [&](int64_t in, int64_t out, int64_t kernel, const ConvOptions& options) {
    add(ConvTranspose2d(in, out, kernel, noise, options));
    add(BatchNorm(out, noise, scale_init));
    add(relu_layer);
  };

  if (o.size == 28 && !o.deep) {
    add(Linear(o.latent, 2 * w * 7 * 7, noise));
    add(Reshape{{7, 7, 2 * w}});
    add(BatchNorm(2 * w, noise, scale_init));
    add(relu_layer);
    up(2 * w, w, 4, convolution(2, 1));                                // 14 x 14
    add(ConvTranspose2d(w, o.channels, 4, noise, convolution(2, 1)));  // 28 x 28
  } else if (o.size == 28) {
    add(Linear(o.latent, 8 * w * 2 * 2, noise));
    add(Reshape{{2, 2, 8 * w}});
    add(BatchNorm(8 * w, noise, scale_init));
    add(relu_layer);
    up(8 * w, 4 * w, 5, convolution(2, 2, 1));                            //  4 x 4
    up(4 * w, 2 * w, 5, convolution(2, 2, 0));                            //  7 x 7
    up(2 * w, w, 5, convolution(2, 2, 1));                                // 14 x 14
    add(ConvTranspose2d(w, o.channels, 5, noise, convolution(2, 2, 1)));  // 28 x 28
  } else if (o.size == 32) {
    add(Linear(o.latent, 8 * w * 4 * 4, noise));
    add(Reshape{{4, 4, 8 * w}});
    up(8 * w, 4 * w, 4, convolution(2, 1));                            //  8 x 8
    up(4 * w, 2 * w, 4, convolution(2, 1));                            // 16 x 16
    up(2 * w, w, 4, convolution(2, 1));                                // 32 x 32
    add(ConvTranspose2d(w, o.channels, 3, noise, convolution(1, 1)));  // 32 x 32
  } else {
    unknown_size("dcgan_generator", o.size);
  }
  add(Activation{Activation::Kind::tanh});
  return net;
}

Sequential dcgan_critic(const DcganOptions& o, Noise& noise, const CriticOptions& critic) {
  const int64_t w = o.width;
  Sequential net;
  const auto add = [&](auto layer) { net.layers.push_back(std::move(layer)); };
  const real slope = o.size == 28 ? real(0.2) : real(0.1);
  const auto block = [&](int64_t in, int64_t out, int64_t kernel, int stride, int pad) {
    ConvOptions options = convolution(stride, pad);
    options.spectral_norm = critic.spectral_norm;
    const bool first = net.layers.empty();
    add(Conv2d(in, out, kernel, noise, options));
    if (critic.batch_norm && !first) add(BatchNorm(out, noise, scale_init));
    add(Activation{Activation::Kind::leaky_relu, slope});
  };

  int64_t features;
  if (o.size == 28 && !o.deep) {
    block(o.channels, w, 4, 2, 1);  // 14 x 14
    block(w, 2 * w, 4, 2, 1);       //  7 x 7
    features = 7 * 7 * 2 * w;
  } else if (o.size == 28) {
    block(o.channels, w, 5, 2, 2);  // 14 x 14
    block(w, 2 * w, 5, 2, 2);       //  7 x 7
    block(2 * w, 4 * w, 5, 2, 2);   //  4 x 4
    block(4 * w, 8 * w, 5, 2, 2);   //  2 x 2
    features = 2 * 2 * 8 * w;
  } else if (o.size == 32) {
    block(o.channels, w, 3, 1, 1);  // 32 x 32
    block(w, w, 4, 2, 1);           // 16 x 16
    block(w, 2 * w, 3, 1, 1);
    block(2 * w, 2 * w, 4, 2, 1);  //  8 x 8
    block(2 * w, 4 * w, 3, 1, 1);
    block(4 * w, 4 * w, 4, 2, 1);  //  4 x 4
    block(4 * w, 8 * w, 3, 1, 1);
    features = 4 * 4 * 8 * w;
  } else {
    unknown_size("dcgan_critic", o.size);
  }
  add(Reshape{{features}});
  add(Linear(features, critic.outputs, noise, {.spectral_norm = critic.spectral_norm}));
  return net;
}

}  // namespace erg
