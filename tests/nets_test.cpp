// Networks: the sizes of published ones, the work of a pass, and what they make of their inputs.
#include "models/nets_residual.h"

#include <gmock/gmock.h>

#include "models/meg.h"

namespace erg::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr Activation leaky{Activation::Kind::leaky_relu};

TEST(Networks, ToySizes) {
  Noise noise(1, "test");
  Sequential g = mlp({2, 512, 512, 512, 2}, noise), e = mlp({2, 512, 512, 512, 1}, noise, {.hidden = leaky});
  Meg::Statistics t{{}, mlp({4, 512, 512, 512, 1}, noise, {.hidden = leaky})};
  EXPECT_EQ(count_params(g), 527874);
  EXPECT_EQ(count_params(e), 527361);
  EXPECT_EQ(count_params(t), 528385);
  EXPECT_EQ(count_params(g, e), 527874 + 527361);
}

TEST(Networks, StackedMnistSizes) {
  Noise noise(1, "test");
  const DcganOptions three{.size = 28, .channels = 3}, four{.size = 28, .channels = 4};
  Sequential g = dcgan_generator(three, noise), e = dcgan_critic(three, noise);
  Meg::Statistics t{dcgan_critic(three, noise, {.outputs = 128}), mlp({256, 512, 1}, noise, {.hidden = leaky})};
  EXPECT_EQ(count_params(g), 4572163);
  EXPECT_EQ(count_params(e), 4308609);
  EXPECT_EQ(count_params(t), 4700929);
  Sequential g4 = dcgan_generator(four, noise), e4 = dcgan_critic(four, noise);
  EXPECT_EQ(count_params(g4), 4573764);
  EXPECT_EQ(count_params(e4), 4310209);
}

TEST(Networks, CifarSizes) {
  Noise noise(1, "test");
  const DcganOptions cifar{.size = 32, .channels = 3};
  Sequential g = dcgan_generator(cifar, noise), e = dcgan_critic(cifar, noise);
  EXPECT_EQ(count_params(g), 3812355);
  EXPECT_EQ(count_params(e), 2935873);
}

/// Where a source gives no size, it is the sum of its layers.
TEST(Networks, ConvolutionalSizes) {
  using Kind = DcganOptions::Kind;
  Noise noise(1, "test");
  const auto sizes = [&](const DcganOptions& o) {
    Sequential g = dcgan_generator(o, noise), d = dcgan_critic(o, noise);
    return std::pair(count_params(g), count_params(d));
  };
  EXPECT_EQ(sizes({.kind = Kind::wgan_gp, .size = 32, .channels = 3, .width = 128}), std::pair(5179907l, 4114689l));
  const int64_t mnist_g = 128 * 4096 + 4096 + 25 * (256 * 128 + 128 * 64 + 64) + 128 + 64 + 1;
  const int64_t mnist_d = 25 * (64 + 64 * 128 + 128 * 256) + 64 + 128 + 256 + 4096 + 1;
  EXPECT_EQ(sizes({.kind = Kind::wgan_gp, .size = 28}), std::pair(mnist_g, mnist_d));
  const int64_t sn_g =
      128 * 8192 + 3 * 8192 + 16 * (512 * 256 + 256 * 128 + 128 * 64) + 3 * (256 + 128 + 64) + 9 * 64 * 3 + 3;
  const int64_t sn_d = 9 * (3 * 64 + 128 * 128 + 256 * 256 + 512 * 512) + 16 * (64 * 128 + 128 * 256 + 256 * 512) + 64 +
                       2 * (128 + 256 + 512) + 8192 + 1;
  EXPECT_EQ(sizes({.kind = Kind::sn, .size = 32, .channels = 3}), std::pair(sn_g, sn_d));
}

TEST(Networks, ResidualSizes) {
  Noise noise(1, "test");
  Sequential g = resnet_generator({.width = 256}, noise), d = resnet_critic({}, noise, true);
  EXPECT_EQ(count_params(g), 4276739);
  EXPECT_EQ(count_params(d), 1053824);
  Sequential with_bias = resnet_critic({}, noise, false), igebm = igebm_resnet(3, 128, noise),
             wide = wide_resnet({.widen = 10}, noise);
  EXPECT_EQ(count_params(with_bias), 1053824 + 1);
  EXPECT_EQ(count_params(igebm), 18591105);
  EXPECT_EQ(count_params(wide), 36471338);
}

TEST(Networks, EnergySizes) {
  Noise noise(1, "test");
  Sequential anatomy = anatomy_net(3, 32, noise), igebm = igebm_mnist(1, 64, noise),
             toy = mlp({2, 32, 64, 64, 64, 1}, noise);
  EXPECT_EQ(count_params(anatomy), 693569);
  EXPECT_EQ(count_params(toy), 10593);
  EXPECT_EQ(count_params(igebm),
            9 * 64 + 64 + 16 * (64 * 64 + 64 * 128 + 128 * 256) + 64 + 128 + 256 + 4096 * 128 + 128 + 128 + 1);
}

TEST(Networks, ResidualOnesMakeImagesAndNumbers) {
  Noise noise(2, "test");
  for (const Mode mode : {Mode::train, Mode::eval}) {
    Sequential g = resnet_generator({.latent = 5, .width = 4}, noise);
    const Tensor image = g(noise.normal({2, 5}), mode);
    EXPECT_EQ(image.shape(), (Shape{2, 32, 32, 3}));
    for (Sequential d : {resnet_critic({.width = 4}, noise, true), resnet_critic({.width = 4}, noise, false),
                         igebm_resnet(3, 4, noise), anatomy_net(3, 2, noise),
                         wide_resnet({.depth = 10, .widen = 1, .classes = 1}, noise)})
      EXPECT_EQ(d(image, mode).shape(), (Shape{2, 1}));
  }
  EXPECT_THROW(wide_resnet({.depth = 12}, noise), std::invalid_argument);
}

/// The multiplications of one sample's pass, in millions, as the kernels' trace counts them.
TEST(Networks, WorkOfAPass) {
  Noise noise(2, "test");
  const auto millions = [](Sequential net, const Shape& shape) {
    const kernels::CountedFlops counted(/*dry=*/true);
    net(Tensor::empty(shape), Mode::eval);
    return counted.sum() / 2e6;
  };
  const Shape z{1, 128}, image{1, 32, 32, 3};
  const DcganOptions cifar{.size = 32, .channels = 3};
  EXPECT_NEAR(millions(resnet_generator({.width = 256}, noise), z), 1681, 1);
  EXPECT_NEAR(millions(resnet_critic({}, noise, false), image), 272, 1);
  // 18.6 million weights are convolved, and each is multiplied three times for its spectral norm.
  EXPECT_NEAR(millions(igebm_resnet(3, 128, noise), image), 1362 + 3 * 18.6, 1);
  EXPECT_NEAR(millions(anatomy_net(3, 32, noise), image), 26, 0.5);
  EXPECT_NEAR(millions(dcgan_generator(cifar, noise), z), 103.5, 0.1);
  EXPECT_NEAR(millions(dcgan_critic(cifar, noise), image), 108.7, 0.1);
}

/// Its blocks begin as the identity, whatever the shortcut makes of the channels.
TEST(Networks, IgebmBlocksBeginAsTheIdentity) {
  Noise noise(2, "test");
  Sequential net = igebm_resnet(3, 4, noise);
  for (Layer& layer : net.layers)
    if (auto* block = std::get_if<Residual>(&layer)) {
      const Tensor x = noise.normal({2, 4, 4, std::get<ChannelBias>(block->main.layers[0]).bias.dim(0)});
      EXPECT_EQ((*block)(x, Mode::eval).to_host(), block->shortcut(x, Mode::eval).to_host());
    }
}

TEST(Networks, GeneratorsMakeImagesAndCriticsNumbers) {
  Noise noise(2, "test");
  for (const int64_t size : {28, 32})
    for (const Mode mode : {Mode::train, Mode::eval}) {
      const DcganOptions options{.size = size, .channels = 3, .latent = 5, .width = 3};
      Sequential g = dcgan_generator(options, noise),
                 d = dcgan_critic(options, noise, {.outputs = 2, .spectral_norm = true});
      const Tensor image = g(noise.normal({2, 5}), mode);
      EXPECT_EQ(image.shape(), (Shape{2, size, size, 3}));
      for (const real pixel : image.to_host()) EXPECT_LE(std::abs(pixel), 1);
      EXPECT_EQ(d(image, mode).shape(), (Shape{2, 2}));
    }
}

TEST(Networks, OtherSizesAreRefused) {
  Noise noise(2, "test");
  EXPECT_THAT([&] { dcgan_generator({.size = 30}, noise); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("dcgan_generator"), HasSubstr("30"))));
  EXPECT_THAT([&] { dcgan_critic({.size = 64}, noise); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("dcgan_critic"), HasSubstr("64"))));
  EXPECT_THROW(mlp({3}, noise), std::invalid_argument);
}

/// Batch norm in a critic follows every convolution but the first, whatever the widths.
TEST(Networks, CriticsWithBatchNormSpareTheFirstLayer) {
  Noise noise(2, "test");
  for (const int64_t width : {1, 3}) {
    Sequential d = dcgan_critic({.size = 28, .channels = 1, .width = width}, noise, {.batch_norm = true});
    int norms = 0;
    for (const Layer& layer : d.layers) norms += std::holds_alternative<BatchNorm>(layer);
    EXPECT_EQ(norms, 3) << width;
    EXPECT_TRUE(std::holds_alternative<Activation>(d.layers[1])) << width;
  }
}

}  // namespace
}  // namespace erg::test
