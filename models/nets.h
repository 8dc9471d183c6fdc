// Networks without shortcuts, as lists of layers. Every function draws its initial weights from `noise` in the order of
// its layers. Residual networks are in nets_residual.h.
#pragma once

#include <vector>

#include "../engine/nn.h"

namespace erg {

/// Fully connected: sizes[0] -> ... -> sizes.back(), `hidden` between the layers and nothing after the last.
struct MlpOptions {
  Activation hidden{Activation::Kind::relu};
  bool batch_norm = false;     // after every hidden linear layer
  bool spectral_norm = false;  // on every weight
  bool hidden_bias = true;     // a batch norm takes it out again
  Init hidden_init = init::he_uniform(), last_init = init::glorot_uniform();
};
/// The network. Its layers are drawn in order, on the device of the noise.
Sequential mlp(const std::vector<int64_t>& sizes, Noise& noise, const MlpOptions& options = {});

/// sizes[0] -> ... -> sizes.back() with the largest of `pieces` linear maps for every hidden unit, weights
/// N(0, 0.02^2): the discriminator of PacGAN's 2-D sets (Lin et al. 2018, their code).
Sequential maxout_mlp(const std::vector<int64_t>& sizes, int pieces, Noise& noise);

/// The image networks of the DCGAN family (Radford et al. 2016), in the forms of four papers' code. `width` is the
/// number of channels at the finest level of a generator.
struct DcganOptions {
  /// Whose.
  enum class Kind {
    meg,      // Kumar et al. 2019: 28 pixels, 5x5 kernels over 2, 4, 7, 14, 28; 32 pixels, 4x4 and 3x3 kernels
    wgan_gp,  // Gulrajani et al. 2017: 28 pixels, 5x5 over 4, 8 (cropped to 7), 14, 28, no batch norm; 32 pixels, 5x5.
              // Their MNIST generator ends in a sigmoid; here images are in [-1,1], and it is tanh
    sn,       // SN-DCGAN (Miyato et al. 2018): 32 pixels, 4x4 and 3x3 kernels
    small,    // 28 pixels, 4x4 kernels over 7, 14, 28: MNIST is small enough for two levels, which train far sooner
  };
  Kind kind = Kind::meg;
  int64_t size = 28;
  int64_t channels = 1;
  int64_t latent = 128;
  int64_t width = 64;  // meg's and sn's, and wgan_gp's on 28 pixels; on 32 pixels that has 128
};

/// z [B,latent] -> images in [-1,1], [B,size,size,channels]. Throws std::invalid_argument for a size the kind has not.
Sequential dcgan_generator(const DcganOptions& options, Noise& noise);

/// What a critic has beside its generator's options.
struct CriticOptions {
  int64_t outputs = 1;
  bool batch_norm = false;  // never with a gradient penalty: it would couple the samples of a batch
  bool spectral_norm = false;
};
/// Images -> [B,outputs]. Throws as dcgan_generator.
Sequential dcgan_critic(const DcganOptions& options, Noise& noise, const CriticOptions& critic = {});

/// The energy of IGEBM on MNIST (Du & Mordatch 2019, their code): images of 28 pixels -> [B,1]. Spectral norm on all
/// but the last layer, leaky ReLU.
Sequential igebm_mnist(int64_t channels, int64_t width, Noise& noise);

/// The energy of Nijkamp et al. 2020 on images of 32 pixels, "vanilla" in their code: -> [B,1]. 693,569 parameters at
/// width 32 with 3 channels.
Sequential anatomy_net(int64_t channels, int64_t width, Noise& noise);

}  // namespace erg
