// The residual network for CIFAR-10 of He et al. 2016 (section 4.2), for its features: global average pooling of the
// last of three stages, 64 numbers an image.
//
// Names and layouts are those of akamaster/pytorch_resnet_cifar10, whose published weights (test error 8.27 % at 20
// layers, 6.61 % at 56) can be loaded as they are. For evaluation only: batch norm is folded into the convolutions.
#pragma once

#include <filesystem>
#include <vector>

#include "../../engine/io/safetensors.h"
#include "../../engine/nn.h"
#include "networks.h"

namespace erg::tools {

/// A 3x3 convolution and the batch norm behind it.
struct NormedConv {
  Conv2d conv;
  BatchNorm norm;

  NormedConv(int64_t in, int64_t out, int stride, Noise& noise);
  Tensor operator()(const Tensor& x) const;
  void visit(Visitor& v, const std::string& number);
};

/// relu(shortcut(x) + norm2(conv2(relu(norm1(conv1(x)))))). Where the extents halve and the channels double, the
/// shortcut takes every second pixel and puts new channels of zeros on both sides of the old ones (option A).
struct ResidualBlock {
  NormedConv first, second;
  Tensor shortcut;  // option A as a 1x1 convolution; absent: the identity

  ResidualBlock(int64_t in, int64_t out, Noise& noise);
  Tensor operator()(const Tensor& x) const;
  void visit(Visitor& v);
};

class ResNet {
 public:
  /// depth = 6 n + 2: three stages of n blocks with 16, 32 and 64 channels. Throws std::invalid_argument otherwise.
  explicit ResNet(int depth, Noise& noise);
  /// Images [B,32,32,3] in [-1,1] -> features [B,64] and logits [B,10].
  Outputs operator()(const Tensor& images);
  void visit(Visitor& v);

 private:
  NormedConv stem_;
  std::vector<std::vector<ResidualBlock>> stages_;
  Linear linear_;
  Tensor mean_, deviation_;  // of the colours, which the inputs are normalised with: [3]
};

/// The weights of a network: `name`.safetensors, or `name`.f32 (packed little-endian floats) with `name`.index.tsv
/// (tensor, shape, offset and count on each line below the header), in folder/cifar10-resnet. Throws io::MissingError
/// and io::DataError.
io::StateDict read_resnet(const std::filesystem::path& folder, const std::string& name);

}  // namespace erg::tools
