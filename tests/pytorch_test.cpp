// Networks that PyTorch trained and saved (golden/pytorch/make.py) load, give PyTorch's outputs, and are saved as they
// came.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/io/checkpoint.h"
#include "engine/io/error.h"
#include "engine/io/npz.h"
#include "io_support.h"
#include "models/ebgan.h"
#include "models/nets_residual.h"

namespace erg::io {
namespace {

using testing::HasSubstr;

struct Case {
  const char* name;
  std::function<Sequential(Noise&)> make;
};

constexpr DcganOptions small{.kind = DcganOptions::Kind::small, .size = 28, .channels = 3, .latent = 8, .width = 4};
constexpr DcganOptions wgan_gp{.kind = DcganOptions::Kind::wgan_gp, .size = 32, .channels = 3, .latent = 8, .width = 4};
constexpr ResnetOptions resnet{.channels = 3, .latent = 8, .width = 4};

const Case cases[] = {
    {"dcgan_generator", [](Noise& noise) { return dcgan_generator(small, noise); }},
    {"norm_of_units", [](Noise& noise) { return dcgan_generator(wgan_gp, noise); }},
    {"dcgan_critic", [](Noise& noise) { return dcgan_critic(small, noise, {.batch_norm = true}); }},
    {"resnet_generator", [](Noise& noise) { return resnet_generator(resnet, noise); }},
    {"resnet_critic", [](Noise& noise) { return resnet_critic(resnet, noise, false); }},
};

std::filesystem::path golden(const std::string& file) {
  return std::filesystem::path(ERG_SOURCE_DIR) / "tests" / "golden" / "pytorch" / file;
}

Sequential fresh(const Case& c) {
  Noise noise(1, "weights");
  return c.make(noise);
}

real largest(const Tensor& t) {
  real all = 0;
  for (const real value : t.to_host()) all = std::max(all, std::abs(value));
  return all;
}

/// [B,C,H,W] -> [B,H,W,C], where it is an image.
Tensor channels_last(const Tensor& t) { return t.rank() == 4 ? permute(t, {0, 2, 3, 1}) : t; }

TEST(PyTorch, NetworksGiveTheSameOutputs) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Sequential net = fresh(c);
    load(golden(std::string(c.name) + ".safetensors"), net);
    const auto arrays = read_npz(golden(std::string(c.name) + ".npz"));
    const Tensor y = net(channels_last(arrays.at("x")), Mode::eval), expected = channels_last(arrays.at("y"));
    ASSERT_EQ(y.shape(), expected.shape());
    EXPECT_LT(largest(y - expected), 1e-5);
    EXPECT_GT(largest(expected), 0.05);
  }
}

TEST(PyTorch, NetworksAreSavedAsTheyCame) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Sequential net = fresh(c);
    const StateDict came = read_safetensors(golden(std::string(c.name) + ".safetensors"));
    restore(entries(net), came);
    const StateDict saved = state_of(entries(net));
    EXPECT_EQ(saved.text("format"), "pt");
    for (const auto& [name, tensor] : came.tensors) {
      if (name.ends_with("num_batches_tracked")) continue;
      EXPECT_TRUE(same_bits(saved.tensor(name), tensor)) << name;
    }
    EXPECT_EQ(saved.tensors.size(), entries(net).size());
  }
}

/// Every layer that sees an image's numbers in a row: what is behind a Reshape up to a linear layer's inputs, and what
/// is before one from a linear layer's outputs on.
TEST(PyTorch, RowsOfAnImageAreChannelsFirstInFiles) {
  Noise noise(1, "weights");
  Sequential net{{Reshape{{12}, 3}, BatchNorm(12, noise), Activation{Activation::Kind::relu},
                  Linear(12, 5, noise, {.spectral_norm = true}), Linear(5, 12, noise, {.spectral_norm = true}),
                  ChannelBias(12, noise), Reshape{{2, 2, 3}}}};
  std::vector<std::string> in, out;
  for (const Visitor::Entry& e : entries(net)) {
    if (e.units.in) in.push_back(e.name);
    if (e.units.out) out.push_back(e.name);
  }
  using testing::ElementsAre;
  EXPECT_THAT(in, ElementsAre("1.weight", "1.bias", "1.running_mean", "1.running_var", "3.weight", "3.bias",
                              "3.spectral_norm.u", "5.bias"));
  EXPECT_THAT(out, ElementsAre("1.weight", "1.bias", "1.running_mean", "1.running_var", "4.weight", "4.bias",
                               "4.spectral_norm.u", "5.bias"));

  std::get<BatchNorm>(net.layers[1]).beta =
      Tensor::from_host({12}, std::vector<real>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_THAT(state_of(entries(net)).tensor("1.bias").to_host(), ElementsAre(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11));
}

TEST(PyTorch, CheckpointsInTheFormerOrderAreRefused) {
  Sequential image = fresh(cases[0]);
  StateDict former = state_of(entries(image));
  former.metadata = {{"steps", "10"}};
  former.source = "old.safetensors";
  EXPECT_THAT(message_of<DataError>([&] { restore(entries(image), former); }), HasSubstr("an earlier erg"));

  Noise noise(1, "weights");
  Sequential plain = mlp({2, 3, 1}, noise);
  former = state_of(entries(plain));
  former.metadata = {{"steps", "10"}};
  restore(entries(plain), former);  // no image, no order
}

}  // namespace
}  // namespace erg::io
