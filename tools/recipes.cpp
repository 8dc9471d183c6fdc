#include "recipes.h"

#include <algorithm>

#include "../models/ddls.h"
#include "../models/nets.h"
#include "data.h"
#include "error.h"

namespace erg::tools {

namespace {

bool is_image(const Shape& sample) { return sample.rank() == 3; }

DcganOptions image_options(const Settings& s, const Shape& sample) {
  // MNIST is small enough for two levels, which train far sooner than four.
  return {.size = sample[0], .deep = false, .channels = sample[2], .latent = s.latent, .width = s.width};
}

/// Noise of a system on its device.
Noise noise_of(const Settings& s, std::string_view stream) { return Noise(s.seed, stream, device_of(s)); }

/// Three hidden layers on 2-D data, as all the sources' toys have; a DCGAN generator on images.
Sequential generator_net(const Settings& s, const Shape& sample, Noise& noise) {
  if (is_image(sample)) return on_device(dcgan_generator(image_options(s, sample), noise), device_of(s));
  return on_device(mlp({s.latent, s.width, s.width, s.width, sample[0]}, noise), device_of(s));
}

Sequential critic_net(const Settings& s, const Shape& sample, Noise& noise, const Activation& hidden,
                      const CriticOptions& options = {}) {
  if (is_image(sample)) return on_device(dcgan_critic(image_options(s, sample), noise, options), device_of(s));
  return on_device(mlp({sample[0], s.width, s.width, s.width, options.outputs}, noise, {.hidden = hidden}),
                   device_of(s));
}

constexpr Activation leaky{Activation::Kind::leaky_relu, real(0.2)};

Langevin chains(const Settings& s, const Shape& sample) {
  if (s.chain_step <= 0)
    throw UsageError("--chain-step: expected a positive number, got " + std::to_string(s.chain_step));
  Langevin langevin = Langevin::tempered(real(s.chain_step), real(s.chain_noise));
  if (is_image(sample)) {  // images live in [-1,1]
    langevin.low = -1;
    langevin.high = 1;
  }
  return langevin;
}

ReplayBuffer::Fresh fresh_chains(const Shape& sample, const Noise& noise) {
  // Uniform over the box the data lives in.
  const real extent = is_image(sample) ? 1 : 2;
  return [sample, extent, source = noise](int64_t count) mutable {
    Shape shape{count};
    for (int64_t d : sample) shape.push_back(d);
    return source.uniform(shape, -extent, extent);
  };
}

}  // namespace

Gan make_gan(const Settings& s, const Shape& sample) {
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  Sequential discriminator = critic_net(s, sample, noise, leaky, {.batch_norm = true});
  const Adam::Options adam{.rate = real(s.rate), .beta1 = real(0.5)};
  return Gan(std::move(generator), std::move(discriminator),
             {.latent = s.latent, .generator_adam = adam, .discriminator_adam = adam}, noise_of(s, "latent"));
}

WganGp make_wgan_gp(const Settings& s, const Shape& sample) {
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  Sequential critic = critic_net(s, sample, noise, leaky);
  return WganGp(std::move(generator), std::move(critic),
                {.latent = s.latent,
                 .penalty = real(s.penalty),
                 .adam = {.rate = real(s.rate), .beta1 = real(0.5), .beta2 = real(0.9)}},
                noise_of(s, "latent"));
}

Meg make_meg(const Settings& s, const Shape& sample) {
  Noise noise(s.seed, "weights");
  Sequential generator = generator_net(s, sample, noise);
  Sequential energy = critic_net(s, sample, noise, leaky);
  Meg::Statistics statistics;
  if (is_image(sample)) {
    statistics.trunk = dcgan_critic(image_options(s, sample), noise, {.outputs = s.latent});
    statistics.head = mlp({2 * s.latent, 4 * s.latent, 1}, noise, {.hidden = leaky});
  } else {
    statistics.head = mlp({sample[0] + s.latent, s.width, s.width, s.width, 1}, noise, {.hidden = leaky});
  }
  return Meg(std::move(generator), std::move(energy), on_device(std::move(statistics), device_of(s)),
             {.latent = s.latent,
              .penalty = real(s.penalty),
              .adam = {.rate = real(s.rate), .beta1 = real(0.5), .beta2 = real(0.9)}},
             noise_of(s, "latent"));
}

PersistentEbm::PersistentEbm(const Settings& s, const Shape& sample)
    : langevin_(chains(s, sample)),
      chain_steps_(s.chain_steps),
      chain_noise_(noise_of(s, "chains")),
      fresh_noise_(noise_of(s, "fresh chains")),
      buffer_(s.buffer, 0.05, fresh_chains(sample, fresh_noise_), Noise(s.seed, "buffer")),
      ebm_(
          [&] {
            Noise noise(s.seed, "weights");
            return critic_net(s, sample, noise, {Activation::Kind::silu});
          }(),
          {.energy_l2 = is_image(sample) ? real(0.1) : 0,
           .data_noise = is_image(sample) ? real(0.03) : 0,
           .adam = {.rate = real(s.rate), .beta1 = 0, .beta2 = real(0.999)}},
          [this](const Energy& energy, int64_t count) {
            // On a GPU nobody waits to look at every chain: training looks at the energies they end with.
            const Check check = chain_noise_.device() == cpu_device ? Check::finite : Check::nothing;
            const Tensor moved = run(langevin_, energy, buffer_.draw(count), chain_steps_, chain_noise_, check);
            buffer_.put_back(moved);
            return moved;
          },
          noise_of(s, "data noise")) {}

Tensor PersistentEbm::start(int64_t count) {
  // Where more are wanted than there are chains, several start from the same one and part by their noise.
  const Tensor held = buffer_.chains();
  std::vector<Tensor> starts;
  for (int64_t left = count; left > 0; left -= starts.back().dim(0))
    starts.push_back(slice(held, 0, 0, std::min(left, held.dim(0))));
  return concat(starts, 0);
}

void PersistentEbm::visit(Visitor& v) {
  v.sub("ebm", ebm_);
  v.sub("buffer", buffer_);
  v.sub("chain_noise", chain_noise_);
  v.sub("fresh_noise", fresh_noise_);
}

namespace {

const auto unchanged = [](const Tensor& x) { return x; };

/// DDLS: the generator's input, moved by the verdict of whatever tells real from fake.
template <class Gan>
std::vector<Target> latent_target(Gan& gan) {
  const auto generate = [&gan](const Tensor& z) { return gan.generate(z); };
  return {{.space = "latent",
           .energy = ddls_energy(generate, [&gan](const Tensor& x) { return gan.logit(x); }),
           .step_size = real(0.005),
           .start = [&gan](int64_t count, Noise& noise) { return gan.prior(count, noise); },
           .samples = generate}};
}
std::vector<Target> targets_of(Gan& gan) { return latent_target(gan); }
std::vector<Target> targets_of(WganGp& gan) { return latent_target(gan); }

/// The law the energy was trained under: the temperature and the box are those of its chains.
std::vector<Target> targets_of(PersistentEbm& ebm) {
  const Langevin& langevin = ebm.langevin();
  const real temperature = langevin.temperature();
  if (!(temperature > 0)) throw UsageError("this run was trained with --chain-noise 0; its energy has no temperature");
  return {{.space = "data",
           .energy = [&ebm, temperature](const Tensor& x) { return ebm.energy()(x) / temperature; },
           .step_size = langevin.drift * temperature,
           .low = langevin.low,
           .high = langevin.high,
           .start = [&ebm](int64_t count, Noise&) { return ebm.start(count); },
           .samples = unchanged}};
}

/// The paper's chains move z by E(G(z)), which is not quite the energy's law; chains in x are.
std::vector<Target> targets_of(Meg& meg) {
  const auto generate = [&meg](const Tensor& z) { return meg.generate(z); };
  const auto prior = [&meg](int64_t count, Noise& noise) { return meg.prior(count, noise); };
  return {{.space = "latent",
           .energy = [&meg, generate](const Tensor& z) { return meg.energy()(generate(z)); },
           .step_size = real(0.01),
           .start = prior,
           .samples = generate},
          {.space = "data",
           .energy = meg.energy(),
           .step_size = real(1e-4),
           .start = [generate, prior](int64_t count, Noise& noise) { return generate(prior(count, noise)); },
           .samples = unchanged}};
}

/// A system behind the program's interface.
template <class System>
class TrainerOf : public Trainer {
 public:
  template <class Make>
  explicit TrainerOf(const Make& make) : system_(make()) {}

  Metrics step(const Batches& next) override { return system_.step(next); }
  void set_rate(real rate) override { system_.set_rate(rate); }
  void visit(Visitor& v) override { system_.visit(v); }
  std::vector<Target> targets() override { return targets_of(system_); }

  Tensor sample(int64_t count, Noise& noise) override {
    if constexpr (requires { system_.generate(system_.prior(count, noise)); })
      return system_.generate(system_.prior(count, noise));
    else
      return system_.sample(count, noise);
  }

 private:
  System system_;
};

template <auto make>
std::unique_ptr<Trainer> trainer(const Settings& s, const Shape& sample) {
  return std::make_unique<TrainerOf<decltype(make(s, sample))>>([&] { return make(s, sample); });
}

PersistentEbm make_ebm(const Settings& s, const Shape& sample) { return PersistentEbm(s, sample); }

/// One row a system: what it is called, and what it is trained with on 2-D data and on images.
struct Recipe {
  const char* name;
  const char* summary;
  std::unique_ptr<Trainer> (*make)(const Settings&, const Shape&);
  Settings plane, image;
};

const Recipe recipes[] = {
    {"gan",
     "generative adversarial network (Goodfellow et al. 2014), non-saturating; DCGAN nets on images",
     trainer<make_gan>,
     {.steps = 6000, .batch = 256, .latent = 2, .width = 128, .rate = 2e-3, .anneal = true},
     {.steps = 3000, .batch = 64, .latent = 128, .width = 32, .rate = 5e-4, .anneal = true}},
    {"wgan-gp",
     "Wasserstein GAN with gradient penalty (Gulrajani et al. 2017)",
     trainer<make_wgan_gp>,
     {.steps = 3000, .batch = 256, .latent = 2, .width = 128, .rate = 1e-3, .anneal = true, .penalty = 0.1},
     {.steps = 2000, .batch = 64, .latent = 128, .width = 16, .rate = 1e-3, .anneal = true, .penalty = 10}},
    {"ebm",
     "energy-based model by persistent contrastive divergence with Langevin chains",
     trainer<make_ebm>,
     {.steps = 3000,
      .batch = 256,
      .width = 128,
      .rate = 1e-3,
      .anneal = true,
      .chain_steps = 20,
      .buffer = 10000,
      .chain_step = 1e-4,
      .chain_noise = 0.0141},
     {.steps = 3000,
      .batch = 64,
      .width = 16,
      .rate = 1e-4,
      .chain_steps = 20,
      .buffer = 2000,
      .chain_step = 1,
      .chain_noise = 0.01}},
    {"meg",
     "maximum entropy generators for energy-based models (Kumar et al. 2019)",
     trainer<make_meg>,
     {.steps = 2500, .batch = 256, .latent = 2, .width = 128, .rate = 1e-3, .anneal = true, .penalty = 0.1},
     // The authors' lambda of 10 is on a norm per pixel, 0.013 of a full norm here; nets this small want more.
     {.steps = 2000, .batch = 64, .latent = 32, .width = 16, .rate = 1e-3, .anneal = true, .penalty = 1}},
};

const Recipe& find(const std::string& system) {
  for (const Recipe& r : recipes)
    if (system == r.name) return r;
  throw UsageError("unknown system '" + system + "'; there are " + join(recipe_names()));
}

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const Recipe& r : recipes) names.emplace_back(r.name);
  return names;
}

std::string recipe_summary(const std::string& system) { return find(system).summary; }

Settings preset(const std::string& system, const std::string& data) {
  const Recipe& recipe = find(system);
  Settings s = is_image(sample_shape(data)) ? recipe.image : recipe.plane;
  s.system = system;
  s.data = data;
  s.out = "runs/" + system + "-" + data;
  return s;
}

std::unique_ptr<Trainer> make_trainer(const Settings& settings, const Shape& sample) {
  return find(settings.system).make(settings, sample);
}

}  // namespace erg::tools
