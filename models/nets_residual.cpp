#include "nets_residual.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace erg {

namespace {

constexpr Activation relu_layer{Activation::Kind::relu}, tanh_layer{Activation::Kind::tanh};
constexpr Activation leaky_layer{Activation::Kind::leaky_relu, real(0.2)};

/// Convolutions that keep the size of an image, with zero biases: Glorot's weights for kernels of one pixel, times
/// sqrt(2) for others.
Conv2d convolve(int64_t in, int64_t out, int64_t kernel, Noise& noise, bool spectral_norm = false, int stride = 1) {
  ConvOptions options;
  options.spectral_norm = spectral_norm;
  options.weight_init = init::glorot_uniform(kernel == 1 ? 1 : std::sqrt(real(2)));
  options.bias_init = init::constant(0);
  options.stride = stride;
  options.pad = int(kernel / 2);
  return Conv2d(in, out, kernel, noise, options);
}

LayerOptions last_layer(bool bias, bool spectral_norm) {
  return {.bias = bias,
          .spectral_norm = spectral_norm,
          .weight_init = init::glorot_uniform(),
          .bias_init = init::constant(0)};
}

}  // namespace

// ---- SNGAN's and WGAN-GP's

Sequential resnet_generator(const ResnetOptions& o, Noise& noise) {
  const int64_t w = o.width;
  Sequential net{{Linear(o.latent, 4 * 4 * w, noise, last_layer(true, false)), Reshape{{4, 4, w}}}};
  for (int level = 0; level < 3; ++level) {  // 8 x 8, 16 x 16, 32 x 32
    Sequential main{{BatchNorm(w, noise), relu_layer, Upsample{2}, convolve(w, w, 3, noise), BatchNorm(w, noise),
                     relu_layer, convolve(w, w, 3, noise)}};
    net.layers.push_back(Residual{std::move(main), {{Upsample{2}, convolve(w, w, 1, noise)}}});
  }
  ConvOptions image;
  image.weight_init = init::glorot_uniform();
  image.bias_init = init::constant(0);
  image.pad = 1;
  for (Layer layer : {Layer(BatchNorm(w, noise)), Layer(relu_layer), Layer(Conv2d(w, o.channels, 3, noise, image)),
                      Layer(tanh_layer)})
    net.layers.push_back(std::move(layer));
  return net;
}

Sequential resnet_critic(const ResnetOptions& o, Noise& noise, bool sn) {
  const int64_t w = o.width;
  const auto conv = [&](int64_t in, int64_t out, int64_t kernel) { return convolve(in, out, kernel, noise, sn); };
  Sequential net;
  const auto add = [&](auto layer) { net.layers.push_back(std::move(layer)); };
  add(Residual{{{conv(o.channels, w, 3), relu_layer, conv(w, w, 3), AvgPool{2}}},  // 16 x 16
               {{AvgPool{2}, conv(o.channels, w, 1)}}});
  add(Residual{{{relu_layer, conv(w, w, 3), relu_layer, conv(w, w, 3), AvgPool{2}}},  // 8 x 8
               {{conv(w, w, 1), AvgPool{2}}}});
  for (int i = 0; i < 2; ++i) add(Residual{{{relu_layer, conv(w, w, 3), relu_layer, conv(w, w, 3)}}, {}});
  add(relu_layer);
  add(SumPixels{.mean = !sn});
  add(Linear(w, 1, noise, last_layer(!sn, sn)));
  return net;
}

// ---- IGEBM's

namespace {

/// A block of IGEBM. Its convolutions have no biases, their inputs have; the second begins at zero, and its spectral
/// norm is a bound.
Residual igebm_block(int64_t in, int64_t out, Noise& noise, const Noise& dropout) {
  const auto conv = [&](int64_t from, const Init& init, bool bound) {
    ConvOptions options;
    options.bias = false;
    options.spectral_norm = true;
    options.spectral_bound = bound;
    options.weight_init = init;
    options.pad = 1;
    return Conv2d(from, out, 3, noise, options);
  };
  Residual block{{{ChannelBias(in, noise), conv(in, init::glorot_uniform(), false), Dropout(real(0.5), dropout),
                   leaky_layer, ChannelBias(out, noise), conv(out, init::constant(0), true), ChannelScale(out, noise)}},
                 {}};
  if (in != out) block.shortcut = {{conv(in, init::glorot_uniform(), false)}};
  return block;
}

}  // namespace

Sequential igebm_resnet(int64_t channels, int64_t width, Noise& noise) {
  ConvOptions first;
  first.bias = false;
  first.spectral_norm = true;
  first.pad = 1;
  Sequential net{{Conv2d(channels, width, 3, noise, first), leaky_layer}};
  int64_t in = width;
  for (int block = 0; block < 9; ++block) {
    const int64_t out = width << (block / 3);
    net.layers.push_back(igebm_block(in, out, noise, noise.fork("dropout " + std::to_string(block))));
    if (block % 3 == 0) net.layers.push_back(AvgPool{2});  // 16 x 16, 8 x 8, 4 x 4
    net.layers.push_back(leaky_layer);
    in = out;
  }
  net.layers.push_back(relu_layer);
  net.layers.push_back(SumPixels{});
  net.layers.push_back(Linear(in, 1, noise));
  return net;
}

// ---- JEM's

Sequential wide_resnet(const WideResnetOptions& o, Noise& noise) {
  if (o.depth < 10 || (o.depth - 4) % 6 != 0)
    throw std::invalid_argument("[wide_resnet] wants a depth of 6 n + 4, got " + std::to_string(o.depth));
  int64_t in = 16;
  Sequential net{{convolve(o.channels, in, 3, noise)}};
  for (int group = 0; group < 3; ++group) {  // 32 x 32, 16 x 16, 8 x 8
    const int64_t out = (16 * o.widen) << group;
    for (int64_t i = 0; i < (o.depth - 4) / 6; ++i) {
      const int stride = group > 0 && i == 0 ? 2 : 1;
      Residual block{
          {{leaky_layer, convolve(in, out, 3, noise), leaky_layer, convolve(out, out, 3, noise, false, stride)}}, {}};
      if (in != out || stride > 1) block.shortcut = {{convolve(in, out, 1, noise, false, stride)}};
      net.layers.push_back(std::move(block));
      in = out;
    }
  }
  net.layers.push_back(leaky_layer);
  net.layers.push_back(SumPixels{.mean = true});
  net.layers.push_back(Linear(in, o.classes, noise, last_layer(true, false)));
  return net;
}

}  // namespace erg
