#include "workloads.h"

#include <algorithm>
#include <cmath>

#include "../../engine/ops.h"
#include "../../engine/visit.h"
#include "../../kernels/update.h"

namespace erg::tools {

namespace {

constexpr int64_t checked_chains = 1024, driven_chains = 4;
/// Starts are normals clamped to this: a step on the double well overshoots further and further from about 5 on.
constexpr real start_limit = 4;
constexpr real eta = real(0.01);

/// A problem whose chains start from clamped normals.
Problem problem_from_normals(const std::string& name, const std::string& energy, const Langevin& langevin,
                             int64_t steps, const Shape& starts, uint64_t seed) {
  Problem p;
  p.name = name, p.energy = energy, p.langevin = langevin, p.steps = steps;
  p.starts = clamp(Noise(seed, "bench starts").normal(starts), -start_limit, start_limit);
  return p;
}

/// The noise of the chains that are compared one by one.
Noise driving_noise(uint64_t seed) { return Noise(seed, "bench driven"); }

void add_driven_chains(Problem& p, uint64_t seed) {
  Noise noise = driving_noise(seed);
  Shape shape = p.starts.shape();
  shape[0] = driven_chains;
  for (int64_t step = 0; step < p.steps; ++step) p.noise.push_back(noise.normal(shape));
  p.driven = reference_chains(p.gradient, p.langevin, slice(p.starts, 0, 0, driven_chains), p.noise);
}

void add_references(Problem& p, uint64_t seed) {
  add_driven_chains(p, seed);
  p.reference =
      reference_chains(p.gradient, p.langevin, p.steps, checked_chains, p.starts.shape().row_size(), start_limit, seed);
}

using RunChains = std::function<Tensor(const Tensor& starts, Noise& noise)>;

/// What a user writes.
RunChains sampler(const Problem& p, const Energy& energy) {
  return [langevin = p.langevin, steps = p.steps, energy](const Tensor& starts, Noise& noise) {
    return erg::run(langevin, energy, starts, steps, noise);
  };
}

/// The fused kernel alone: each float is a chain whose gradient stays what it is.
void add_update(std::vector<Workload>& list, const std::string& name, uint64_t seed) {
  constexpr int64_t n = 1 << 20;
  Langevin langevin = Langevin::exact(eta);
  langevin.low = -1, langevin.high = 1;
  auto problem = std::make_shared<Problem>(problem_from_normals("update", "constant", langevin, 100, {n, 1}, seed));
  problem->gradient = constant_gradient();
  add_references(*problem, seed);
  const auto run = [langevin, steps = problem->steps](const Tensor& starts, Noise& noise) {
    const kernels::LangevinUpdate update{langevin.drift, langevin.noise, langevin.low, langevin.high,
                                         langevin.grad_clip};
    Tensor x = starts.clone();
    for (int64_t step = 0; step < steps; ++step) {
      kernels::langevin_(stream_of(x), update, noise.key(), x.size(), starts.data(), x.mutate());
      noise.advance();
    }
    return x;
  };
  list.push_back({name, problem, n, 0, run});
}

/// The three scales at which torchebm publishes its Langevin sampler on a double well of height 2 in each coordinate.
void add_double_well(std::vector<Workload>& list, const std::string& name, uint64_t seed) {
  struct Scale {
    int64_t chains, size, steps;
  };
  constexpr real height = 2;
  const Energy energy = [](const Tensor& x) { return height * sum_per_sample(square(square(x) - 1)); };
  for (const Scale& s : {Scale{64, 8, 50}, Scale{256, 32, 100}, Scale{1024, 128, 200}}) {
    auto problem =
        std::make_shared<Problem>(problem_from_normals("double-well-" + std::to_string(s.size), "double well",
                                                       Langevin::exact(eta), s.steps, {checked_chains, s.size}, seed));
    problem->gradient = double_well_gradient(height);
    add_references(*problem, seed);
    list.push_back({name, problem, s.chains, 0, sampler(*problem, energy)});
  }
}

struct Mlp {
  Sequential net;
  std::shared_ptr<const Problem> problem;
  double operations;
};

Mlp make_mlp(uint64_t seed) {
  Noise noise(seed, "bench weights");
  const LayerOptions options{.weight_init = init::he_uniform(), .bias_init = init::normal(1)};
  const Activation silu{Activation::Kind::silu};
  Sequential net{
      {Linear(2, 128, noise, options), silu, Linear(128, 128, noise, options), silu, Linear(128, 1, noise, options)}};
  auto problem = std::make_shared<Problem>(
      problem_from_normals("mlp", "mlp", Langevin::exact(eta), 100, {checked_chains, 2}, seed));
  problem->weights = params(net);
  problem->gradient = dense_gradient(problem->weights);
  add_references(*problem, seed);
  return {net, problem, 4 * (2 * 128 + 128 * 128 + 128)};
}

/// 2-128-128-1 with SiLU, as a NetEnergy: the chains run whole, in one kernel.
void add_mlp(std::vector<Workload>& list, const std::string& name, const Mlp& m) {
  for (const int64_t chains : {1, 64, 1024})
    list.push_back({name, m.problem, chains, m.operations, sampler(*m.problem, NetEnergy{m.net})});
}

/// The same as an energy nobody can look into: every step is recorded and differentiated.
void add_mlp_by_tape(std::vector<Workload>& list, const std::string& name, const Mlp& m) {
  const Energy energy = [net = NetEnergy{m.net}](const Tensor& x) mutable { return net(x); };
  list.push_back({name, m.problem, 1024, m.operations, sampler(*m.problem, energy)});
}

/// The "vanilla" network of Nijkamp et al. 2019 ("Learning non-convergent non-persistent short-run MCMC toward
/// energy-based model") on 32x32x3, with the constants of Du & Mordatch 2019 in the canonical order.
void add_image(std::vector<Workload>& list, const std::string& name, uint64_t seed) {
  constexpr int64_t chains = 16, side = 32;
  const std::vector<Window> windows = {{1, 1}, {2, 1}, {2, 1}, {2, 1}, {1, 0}};
  const std::vector<int64_t> channels = {3, 32, 64, 128, 256, 1}, kernels = {3, 4, 4, 4, 4};
  constexpr real slope = real(0.05);

  Noise noise(seed, "bench weights");
  Sequential net;
  double operations = 0;
  int64_t extent = side;
  for (size_t i = 0; i < windows.size(); ++i) {
    ConvOptions options;
    options.weight_init = init::he_uniform();
    options.stride = windows[i].stride, options.pad = windows[i].pad;
    if (i > 0) net.layers.push_back(Activation{Activation::Kind::leaky_relu, slope});
    net.layers.push_back(Conv2d(channels[i], channels[i + 1], kernels[i], noise, options));
    extent = (extent + 2 * options.pad - kernels[i]) / options.stride + 1;
    operations += 4 * double(extent * extent * kernels[i] * kernels[i] * channels[i] * channels[i + 1]);
  }
  net.layers.push_back(Reshape{{1}});

  auto problem = std::make_shared<Problem>();
  problem->name = problem->energy = "image";
  problem->langevin = Langevin::igebm();
  problem->langevin.noise_first = false;
  problem->steps = 10;
  problem->starts = Noise(seed, "bench starts").uniform({chains, side, side, 3});
  problem->weights = params(net);
  problem->gradient = convolution_gradient(problem->weights, windows, slope, int(side));
  add_driven_chains(*problem, seed);
  list.push_back({name, problem, chains, operations, sampler(*problem, NetEnergy{net})});
}

}  // namespace

Tensor Workload::starts(int64_t first) const { return slice(problem->starts, 0, first, first + chains); }

std::vector<std::string> workload_names() { return {"update", "double well", "mlp", "mlp by tape", "image"}; }

std::vector<Workload> make_workloads(const std::string& only, uint64_t seed) {
  std::vector<Workload> list;
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  if (wanted("update")) add_update(list, "update", seed);
  if (wanted("double well")) add_double_well(list, "double well", seed);
  if (wanted("mlp") || wanted("mlp by tape")) {
    const Mlp mlp = make_mlp(seed);
    if (wanted("mlp")) add_mlp(list, "mlp", mlp);
    if (wanted("mlp by tape")) add_mlp_by_tape(list, "mlp by tape", mlp);
  }
  if (wanted("image")) add_image(list, "image", seed);
  return list;
}

namespace {

double driven_difference(const Workload& workload, uint64_t seed) {
  Noise noise = driving_noise(seed);
  const Tensor starts = workload.starts();
  const std::vector<real> from = starts.to_host(), to = workload.run(starts, noise).to_host();
  const std::vector<double>& reference = workload.problem->driven.values;
  double difference = 0, way = 0;
  for (size_t i = 0; i < std::min(to.size(), reference.size()); ++i) {
    difference += std::pow(to[i] - reference[i], 2);
    way += std::pow(reference[i] - from[i], 2);
  }
  return std::sqrt(difference / way);
}

Sample sample(const Workload& workload, uint64_t seed) {
  Noise noise(seed, "bench sample");
  Sample ends{0, workload.size(), {}};
  while (ends.count < checked_chains) {
    const std::vector<real> more = workload.run(workload.starts(ends.count), noise).to_host();
    ends.values.insert(ends.values.end(), more.begin(), more.end());
    ends.count += workload.chains;
  }
  return ends;
}

}  // namespace

LawCheck check_law(const Workload& workload, uint64_t seed) {
  constexpr double allowed_difference = 1e-3;
  const double difference = driven_difference(workload, seed);
  LawCheck check{difference < allowed_difference, {{"difference", difference}}};
  const Sample& reference = workload.problem->reference;
  if (reference.count == 0) return check;
  const Sample ends = sample(workload, seed);
  const MomentTest moments = moment_test(ends, reference);
  const EnergyTest energy = energy_test(ends, reference, seed);
  check.passed = check.passed && moments.p > significance && energy.p > significance;
  check.numbers.insert(check.numbers.end(), {{"mean", moments.mean},
                                             {"variance", moments.variance},
                                             {"powers", moments.powers},
                                             {"distance", energy.distance},
                                             {"p", energy.p}});
  return check;
}

}  // namespace erg::tools
