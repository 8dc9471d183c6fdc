#include "networks.h"

#include "../data.h"
#include "../error.h"
#include "../spelling.h"

namespace erg::tools {

namespace {

/// One row a pair of networks. `fits` says what samples they are for; some sources have no generator.
struct Networks {
  const char* name;
  bool (*fits)(const Shape& sample);
  Sequential (*generator)(const Settings&, const Shape& sample, Noise&);
  Sequential (*critic)(const Settings&, const Shape& sample, Noise&, const CriticWish&);
  bool batch_norm = false, spectral_norm = false;       // whether the critic has them when asked to
  SettingNames settings = {}, generator_settings = {};  // that only these read, or only their generator
};

bool is_flat(const Shape& sample) { return sample.rank() == 1; }

template <int64_t... sizes>
bool is_image_of(const Shape& sample) {
  return is_image(sample) && ((sample[0] == sizes) || ...);
}

/// A part of the width, for layers that are narrower than others.
int64_t part(const Settings& s, int64_t of) {
  if (s.width < of)
    throw UsageError("--width " + std::to_string(s.width) + ": --nets " + s.nets + " want at least " +
                     std::to_string(of));
  return s.width / of;
}

// ---- 2-D

/// Three hidden layers, as most sources' toys have.
Sequential mlp_generator(const Settings& s, const Shape& sample, Noise& noise) {
  return mlp({s.latent, s.width, s.width, s.width, sample[0]}, noise);
}

Sequential mlp_critic(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return mlp(
      {sample[0], s.width, s.width, s.width, wish.options.outputs}, noise,
      {.hidden = wish.hidden, .batch_norm = wish.options.batch_norm, .spectral_norm = wish.options.spectral_norm});
}

/// PacGAN (Lin et al. 2018): the discriminator has half the generator's width.
Sequential pacgan_generator(const Settings& s, const Shape& sample, Noise& noise) {
  const Init normal = init::normal(real(0.02));
  return mlp({s.latent, s.width, s.width, s.width, s.width, sample[0]}, noise,
             {.batch_norm = true, .hidden_bias = false, .hidden_init = normal, .last_init = normal});
}

Sequential pacgan_critic(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return maxout_mlp({sample[0], part(s, 2), part(s, 2), part(s, 2), wish.options.outputs}, 5, noise);
}

/// Metz et al. 2017, the authors' code.
Sequential unrolled_net(const std::vector<int64_t>& sizes, Noise& noise) {
  const Init orthogonal = init::orthogonal(real(1.4));
  return mlp(sizes, noise, {.hidden = {Activation::Kind::tanh}, .hidden_init = orthogonal, .last_init = orthogonal});
}

Sequential unrolled_generator(const Settings& s, const Shape& sample, Noise& noise) {
  return unrolled_net({s.latent, s.width, s.width, sample[0]}, noise);
}

Sequential unrolled_critic(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return unrolled_net({sample[0], s.width, s.width, wish.options.outputs}, noise);
}

/// Nijkamp et al. 2020: the first layer has half the width of the others.
Sequential anatomy_toy(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return mlp({sample[0], part(s, 2), s.width, s.width, s.width, wish.options.outputs}, noise,
             {.hidden = {Activation::Kind::leaky_relu, real(0.05)}});
}

// ---- Images

/// f-GAN (Nowozin et al. 2016): fully connected, the critic a fifth as wide. From memory.
Sequential fgan_generator(const Settings& s, const Shape& sample, Noise& noise) {
  Sequential net = mlp({s.latent, s.width, s.width, sample.size()}, noise, {.batch_norm = true});
  net.layers.push_back(Activation{Activation::Kind::tanh});
  net.layers.push_back(Reshape{{sample.begin(), sample.end()}});
  return net;
}

Sequential fgan_critic(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  Sequential net =
      mlp({sample.size(), part(s, 5), part(s, 5), wish.options.outputs}, noise, {.hidden = {Activation::Kind::elu}});
  net.layers.insert(net.layers.begin(), Reshape{{sample.size()}, sample[2]});
  return net;
}

using Dcgan = DcganOptions::Kind;

template <Dcgan kind>
DcganOptions image_options(const Settings& s, const Shape& sample) {
  return {.kind = kind, .size = sample[0], .channels = sample[2], .latent = s.latent, .width = s.width};
}

template <Dcgan kind>
Sequential dcgan_generator_of(const Settings& s, const Shape& sample, Noise& noise) {
  return dcgan_generator(image_options<kind>(s, sample), noise);
}

template <Dcgan kind>
Sequential dcgan_critic_of(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return dcgan_critic(image_options<kind>(s, sample), noise, wish.options);
}

Sequential resnet_generator_of(const Settings& s, const Shape& sample, Noise& noise) {
  return resnet_generator({.channels = sample[2], .latent = s.latent, .width = s.width}, noise);
}

/// WGAN-GP's critic is as wide as its generator, SNGAN's half as wide.
template <bool sngan>
Sequential resnet_critic_of(const Settings& s, const Shape& sample, Noise& noise, const CriticWish&) {
  return resnet_critic({.channels = sample[2], .width = sngan ? part(s, 2) : s.width}, noise, sngan);
}

Sequential igebm_energy(const Settings& s, const Shape& sample, Noise& noise, const CriticWish&) {
  return sample[0] == 28 ? igebm_mnist(sample[2], s.width, noise) : igebm_resnet(sample[2], s.width, noise);
}

Sequential anatomy_energy(const Settings& s, const Shape& sample, Noise& noise, const CriticWish&) {
  return anatomy_net(sample[2], s.width, noise);
}

/// The width is the widening factor.
Sequential wide_resnet_of(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return wide_resnet({.channels = sample[2], .widen = s.width, .classes = wish.options.outputs}, noise);
}

Sequential ebgan_generator_of(const Settings& s, const Shape& sample, Noise& noise) {
  return ebgan_generator(grid_of(s), sample, noise);
}

Sequential ebgan_critic(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return ebgan_discriminator(grid_of(s), sample, wish.options.outputs, noise, noise_of(s, "dropout"));
}

const Networks all[] = {
    {"mlp", is_flat, mlp_generator, mlp_critic, true, true},
    {"pacgan", is_flat, pacgan_generator, pacgan_critic},
    {"unrolled", is_flat, unrolled_generator, unrolled_critic},
    {"anatomy-toy", is_flat, nullptr, anatomy_toy},
    {"f-gan", is_image, fgan_generator, fgan_critic},
    {"ebgan",
     is_image,
     ebgan_generator_of,
     ebgan_critic,
     false,
     false,
     {"critic-layers", "critic-width", "dropout"},
     {"layers"}},
    {"small", is_image_of<28>, dcgan_generator_of<Dcgan::small>, dcgan_critic_of<Dcgan::small>, true, true},
    {"meg", is_image_of<28, 32>, dcgan_generator_of<Dcgan::meg>, dcgan_critic_of<Dcgan::meg>, true, true},
    {"wgan-gp", is_image_of<28, 32>, dcgan_generator_of<Dcgan::wgan_gp>, dcgan_critic_of<Dcgan::wgan_gp>, true, true},
    {"sn-dcgan", is_image_of<32>, dcgan_generator_of<Dcgan::sn>, dcgan_critic_of<Dcgan::sn>, true, true},
    {"wgan-gp-resnet", is_image_of<32>, resnet_generator_of, resnet_critic_of<false>},
    {"sngan-resnet", is_image_of<32>, resnet_generator_of, resnet_critic_of<true>, false, true},
    {"igebm", is_image_of<28, 32>, nullptr, igebm_energy, false, true},
    {"anatomy", is_image_of<32>, nullptr, anatomy_energy},
    {"wide-resnet", is_image_of<32>, nullptr, wide_resnet_of},
};

const Networks& find(const Settings& s, const Shape& sample) {
  for (const Networks& nets : all) {
    if (s.nets != nets.name) continue;
    if (!nets.fits(sample)) throw UsageError("--nets " + s.nets + " are not for samples of " + to_string(sample));
    return nets;
  }
  throw UsageError(unknown("nets", s.nets, network_names()));
}

}  // namespace

EbganGrid grid_of(const Settings& s) {
  return {.generator_layers = s.layers,
          .discriminator_layers = s.critic_layers,
          .generator_size = s.width,
          .discriminator_size = s.critic_width,
          .dropout = real(s.dropout),
          .latent = s.latent};
}

int64_t classes_for(const Settings& s) {
  const int64_t classes = classes_of(s.data);
  if (classes == 0) throw UsageError(s.system + " is a classifier, and " + s.data + " has no labels");
  return classes;
}

bool nets_read(std::string_view setting, std::string_view name, bool with_generator) {
  const auto has = [&](const SettingNames& names) { return std::ranges::find(names, setting) != names.end(); };
  return std::ranges::any_of(all, [&](const Networks& nets) {
    return (name.empty() || name == nets.name) &&
           (has(nets.settings) || (with_generator && has(nets.generator_settings)));
  });
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const Networks& nets : all) names.emplace_back(nets.name);
  return names;
}

Sequential generator_net(const Settings& s, const Shape& sample, Noise& noise) {
  const Networks& nets = find(s, sample);
  if (!nets.generator) throw UsageError("--nets " + s.nets + " have no generator; " + s.system + " wants one");
  return on_device(nets.generator(s, sample, noise), device_of(s));
}

Sequential critic_net(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  const Networks& nets = find(s, sample);
  if (wish.options.batch_norm && !nets.batch_norm)
    throw UsageError("--batch-norm true: the critic of --nets " + s.nets + " has no place for it");
  if (wish.options.spectral_norm && !nets.spectral_norm)
    throw UsageError("the critic of --nets " + s.nets + " has no spectral norm, which is what makes " + s.system);
  return on_device(nets.critic(s, sample, noise, wish), device_of(s));
}

GeneratorAndCritic generator_and_critic(const Settings& s, const Shape& sample, const CriticWish& wish) {
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  return {std::move(generator), critic_net(s, sample, noise, wish)};
}

}  // namespace erg::tools
