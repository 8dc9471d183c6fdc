#include "fgan.h"

#include <numbers>
#include <stdexcept>

namespace erg {

namespace {

constexpr real log2 = std::numbers::ln2_v<real>;

Tensor identity(const Tensor& v) { return v; }

// How f*(g(v)) becomes short: with g = log 2 - softplus(-v), for one, 2 - exp(g) is 2 sigmoid(-v).
const Divergence table[] = {
    {"kl", identity, [](const Tensor& v) { return exp(v - 1); }},
    {"reverse-kl", [](const Tensor& v) { return -exp(-v); }, [](const Tensor& v) { return v - 1; }},
    {"pearson", identity, [](const Tensor& v) { return square(v) / 4 + v; }},
    {"hellinger", [](const Tensor& v) { return 1 - exp(-v); }, [](const Tensor& v) { return exp(v) - 1; }},
    {"jensen-shannon", [](const Tensor& v) { return log2 - softplus(-v); },
     [](const Tensor& v) { return softplus(v) - log2; }},
    {"gan", [](const Tensor& v) { return -softplus(-v); }, [](const Tensor& v) { return softplus(v); }},
    {"total-variation", [](const Tensor& v) { return tanh(v) / 2; }, [](const Tensor& v) { return tanh(v) / 2; }},
};

}  // namespace

std::span<const Divergence> divergences() { return table; }

const Divergence& divergence(const std::string& name) {
  std::string known;
  for (const Divergence& f : table) {
    if (name == f.name) return f;
    known += (known.empty() ? "" : ", ") + std::string(f.name);
  }
  throw std::invalid_argument("[f-gan] unknown divergence '" + name + "'; there are " + known);
}

Objective Fgan::objective(const Divergence& f, bool trick) {
  Objective o;
  o.critic = [f](const Tensor& real, const Tensor& fake) { return mean(f.conjugate(fake)) - mean(f.activation(real)); };
  if (trick)
    o.generator = [f](const Tensor& fake) { return -mean(f.activation(fake)); };
  else
    o.generator = [f](const Tensor& fake) { return -mean(f.conjugate(fake)); };
  o.report = [f](const Tensor& loss, const Tensor& real, const Tensor& fake) -> Metrics {
    return {{"bound", -loss}, {"T(x)", mean(f.activation(real))}, {"T(G)", mean(f.activation(fake))}};
  };
  return o;
}

Fgan::Fgan(Sequential generator, Sequential critic, const Options& options, Noise latent)
    : Adversarial({std::move(generator), options.generator_adam}, {std::move(critic), options.critic_adam},
                  objective(divergence(options.divergence), options.trick),
                  {.latent = options.latent, .critic_steps = options.critic_steps}, std::move(latent)) {}

}  // namespace erg
