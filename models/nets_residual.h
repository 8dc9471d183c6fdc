// Residual networks for images of 32 x 32 pixels.
#pragma once

#include "nets.h"

namespace erg {

/// The residual networks of Miyato et al. 2018 (SNGAN) and of Gulrajani et al. 2017 (WGAN-GP), which differ in how the
/// critic ends and in widths: SNGAN's generator has 256 channels and its critic 128, WGAN-GP's 128 both.
struct ResnetOptions {
  int64_t channels = 3;
  int64_t latent = 128;
  int64_t width = 128;  // channels throughout
};

/// z [B,latent] -> images in [-1,1], [B,32,32,channels]. 4,276,739 parameters at SNGAN's width.
Sequential resnet_generator(const ResnetOptions& options, Noise& noise);

/// Images [B,32,32,channels] -> [B,1]. With spectral norm it is SNGAN's, which ends in a sum over pixels and a linear
/// layer without bias (1,053,824 parameters); without, WGAN-GP's, which ends in a mean and a bias.
Sequential resnet_critic(const ResnetOptions& options, Noise& noise, bool spectral_norm);

/// The energy of IGEBM on CIFAR-10, unconditional, "large" (Du & Mordatch 2019, their code): [B,32,32,channels] ->
/// [B,1]. 18,591,105 parameters at width 128. Every block begins as the identity, and drops out half of its units in
/// training.
Sequential igebm_resnet(int64_t channels, int64_t width, Noise& noise);

/// A wide residual network without any normalisation, [B,32,32,channels] -> logits [B,classes]: the classifier that JEM
/// (Grathwohl et al. 2020) reads as an energy. Depth is 6 n + 4 (Zagoruyko & Komodakis 2016); WRN-28-10 has 36,471,338
/// parameters. Throws std::invalid_argument for another depth.
struct WideResnetOptions {
  int64_t channels = 3;
  int64_t depth = 28;
  int64_t widen = 10;
  int64_t classes = 10;
};
/// The network, drawn on the device of the noise.
Sequential wide_resnet(const WideResnetOptions& options, Noise& noise);

}  // namespace erg
