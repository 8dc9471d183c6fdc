// Networks, as lists of layers. Every function draws its initial weights from `noise` in the order of its layers.
#pragma once

#include <vector>

#include "../engine/nn.h"

namespace erg {

/// Fully connected: sizes[0] -> ... -> sizes.back(), `hidden` between the layers and nothing after the last.
struct MlpOptions {
  Activation hidden{Activation::Kind::relu};
  bool batch_norm = false;     // after every hidden linear layer
  bool spectral_norm = false;  // on every weight
  Init hidden_init = init::he_uniform(), last_init = init::glorot_uniform();
};
Sequential mlp(const std::vector<int64_t>& sizes, Noise& noise, const MlpOptions& options = {});

/// The image networks of the DCGAN family (Radford et al. 2016), in the form of Kumar et al. 2019 (MEG): all kernels
/// N(0, 0.02^2), batch-norm scales N(1, 0.02^2). `width` is the number of channels at the finest level; 64 is the
/// papers'.
struct DcganOptions {
  int64_t size = 28;  // 28 or 32 (4x4 kernels: 4, 8, 16, 32)
  bool deep = true;   // at 28: 5x5 kernels over 2, 4, 7, 14, 28; or else 4x4 kernels over 7, 14, 28
  int64_t channels = 1;
  int64_t latent = 128;
  int64_t width = 64;
};

/// z [B,latent] -> images in [-1,1], [B,size,size,channels]. Throws std::invalid_argument for any other size.
Sequential dcgan_generator(const DcganOptions& options, Noise& noise);

struct CriticOptions {
  int64_t outputs = 1;
  bool batch_norm = false;  // never with a gradient penalty: it would couple the samples of a batch
  bool spectral_norm = false;
};
/// Images -> [B,outputs].
Sequential dcgan_critic(const DcganOptions& options, Noise& noise, const CriticOptions& critic = {});

}  // namespace erg
