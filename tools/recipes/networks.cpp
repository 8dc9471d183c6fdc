#include "networks.h"

#include "../error.h"

namespace erg::tools {

namespace {

/// One row a pair of networks. `fits` says what samples they are for.
struct Networks {
  const char* name;
  bool (*fits)(const Shape& sample);
  Sequential (*generator)(const Settings&, const Shape& sample, Noise&);
  Sequential (*critic)(const Settings&, const Shape& sample, Noise&, const CriticWish&);
};

// ---- 2-D: three hidden layers, as all the sources' toys have

bool is_flat(const Shape& sample) { return sample.rank() == 1; }

Sequential mlp_generator(const Settings& s, const Shape& sample, Noise& noise) {
  return mlp({s.latent, s.width, s.width, s.width, sample[0]}, noise);
}

Sequential mlp_critic(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return mlp({sample[0], s.width, s.width, s.width, wish.options.outputs}, noise, {.hidden = wish.hidden});
}

// ---- DCGAN's family

template <bool deep>
DcganOptions image_options(const Settings& s, const Shape& sample) {
  return {.size = sample[0], .deep = deep, .channels = sample[2], .latent = s.latent, .width = s.width};
}

template <bool deep>
Sequential dcgan_generator_of(const Settings& s, const Shape& sample, Noise& noise) {
  return dcgan_generator(image_options<deep>(s, sample), noise);
}

template <bool deep>
Sequential dcgan_critic_of(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return dcgan_critic(image_options<deep>(s, sample), noise, wish.options);
}

const Networks all[] = {
    {"mlp", is_flat, mlp_generator, mlp_critic},
    // MNIST is small enough for two levels, which train far sooner than four.
    {"small", is_image, dcgan_generator_of<false>, dcgan_critic_of<false>},
    {"meg", is_image, dcgan_generator_of<true>, dcgan_critic_of<true>},
};

const Networks& find(const Settings& s, const Shape& sample) {
  for (const Networks& nets : all) {
    if (s.nets != nets.name) continue;
    if (!nets.fits(sample)) throw UsageError("--nets " + s.nets + " are not for samples of " + to_string(sample));
    return nets;
  }
  throw UsageError("unknown nets '" + s.nets + "'; there are " + join(network_names()));
}

}  // namespace

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const Networks& nets : all) names.emplace_back(nets.name);
  return names;
}

Sequential generator_net(const Settings& s, const Shape& sample, Noise& noise) {
  return on_device(find(s, sample).generator(s, sample, noise), device_of(s));
}

Sequential critic_net(const Settings& s, const Shape& sample, Noise& noise, const CriticWish& wish) {
  return on_device(find(s, sample).critic(s, sample, noise, wish), device_of(s));
}

}  // namespace erg::tools
