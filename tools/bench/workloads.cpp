#include "workloads.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../engine/graph.h"
#include "../../engine/ops.h"
#include "../../engine/visit.h"
#include "../../kernels/update.h"

namespace erg::tools {

namespace {

constexpr int64_t checked_chains = 1024, driven_chains = 4;
/// Starts are normals clamped to this: a step on the double well overshoots further and further from about 5 on.
constexpr real start_limit = 4;
constexpr real eta = real(0.01);

using RunChains = std::function<Tensor(const Tensor& starts, int64_t steps, Noise& noise)>;

/// What the workloads are made for.
struct Setting {
  uint64_t seed;
  Device device;
  bool small;

  bool on_gpu() const { return device.kind == Device::Kind::cuda; }
  Workload workload(const std::string& name, const std::shared_ptr<const Problem>& problem, int64_t chains,
                    double operations, const RunChains& run) const {
    return {name, device, problem, chains, operations, precision_on(device), run};
  }
};

/// A problem whose chains start from clamped normals.
Problem problem_from_normals(const std::string& name, const std::string& energy, const Langevin& langevin,
                             int64_t steps, const Shape& starts, uint64_t seed) {
  Problem p;
  p.name = name, p.energy = energy, p.langevin = langevin, p.steps = steps;
  p.starts = clamp(Noise(seed, "bench starts").normal(starts), -start_limit, start_limit);
  return p;
}

/// The noise of the chains that are compared one by one: the same numbers on every device.
Noise driving_noise(uint64_t seed, Device device = cpu_device) { return Noise(seed, "bench driven", device); }

/// Computes the first few chains to the end, and to where they are compared in tf32.
void add_driven_chains(Problem& p, uint64_t seed, int64_t steps_in_tf32, double allowed_there) {
  Noise noise = driving_noise(seed);
  Shape shape = p.starts.shape();
  shape[0] = driven_chains;
  for (int64_t step = 0; step < p.steps; ++step) p.noise.push_back(noise.normal(shape));
  const auto drive = [&](int64_t steps, double allowed) {
    const std::vector<Tensor> given(p.noise.begin(), p.noise.begin() + steps);
    return Driven{steps, allowed,
                  reference_chains(p.gradient, p.langevin, slice(p.starts, 0, 0, driven_chains), given)};
  };
  p.driven = drive(p.steps, allowed_in_fp32);
  p.driven_in_tf32 = drive(steps_in_tf32, allowed_there);
}

void add_references(Problem& p, uint64_t seed) {
  add_driven_chains(p, seed, p.steps, allowed_in_tf32_if_smooth);
  p.reference =
      reference_chains(p.gradient, p.langevin, p.steps, checked_chains, p.starts.shape().row_size(), start_limit, seed);
}

/// What a user writes. On a GPU nobody waits to look at every chain; whoever reads the result sees what became of it.
RunChains sampler(const Problem& p, const Energy& energy) {
  return [langevin = p.langevin, energy](const Tensor& starts, int64_t steps, Noise& noise) {
    const Check check = starts.device() == cpu_device ? Check::finite : Check::nothing;
    return erg::run(langevin, energy, starts, steps, noise, check);
  };
}

/// The same chains, each step a replay of one that was recorded when the first of them ran.
RunChains replayed_sampler(const Problem& p, const Energy& energy) {
  struct Recorded {
    Noise noise;
    Chains chains;
    Graph step;
  };
  return [langevin = p.langevin, energy, recorded = std::shared_ptr<Recorded>()](const Tensor& starts, int64_t steps,
                                                                                 Noise& noise) mutable {
    int64_t step = 0;
    if (recorded && recorded->noise.key().step == noise.key().step) {
      recorded->chains.x.copy_(starts);
    } else {
      Chains chains(starts);
      Graph graph = Graph::record(
          stream_of(starts), [langevin, energy, chains, noise]() mutable { langevin.step(energy, chains, noise); });
      recorded = std::make_shared<Recorded>(Recorded{noise, chains, std::move(graph)});
      step = 1;  // recording has taken it
    }
    for (; step < steps; ++step) recorded->step.replay();
    return recorded->chains.x.clone();
  };
}

/// The fused kernel alone: each float is a chain whose gradient stays what it is.
void add_update(std::vector<Workload>& list, const std::string& name, const Setting& at) {
  const std::vector<int64_t> sizes = at.small      ? std::vector<int64_t>{1 << 12}
                                     : at.on_gpu() ? std::vector<int64_t>{1 << 20, 1 << 24}
                                                   : std::vector<int64_t>{1 << 20};
  Langevin langevin = Langevin::exact(eta);
  langevin.low = -1, langevin.high = 1;
  auto problem =
      std::make_shared<Problem>(problem_from_normals("update", "constant", langevin, 100, {sizes.back(), 1}, at.seed));
  problem->gradient = constant_gradient();
  add_references(*problem, at.seed);
  const auto run = [langevin](const Tensor& starts, int64_t steps, Noise& noise) {
    const kernels::LangevinUpdate update{langevin.drift, langevin.noise, langevin.low, langevin.high,
                                         langevin.grad_clip};
    Tensor x = starts.clone();
    for (int64_t step = 0; step < steps; ++step) {
      kernels::langevin_(stream_of(x), update, noise.key(), x.size(), starts.data(), x.mutate());
      noise.advance();
    }
    return x;
  };
  for (const int64_t n : sizes) list.push_back(at.workload(name, problem, n, 0, run));
}

/// The three scales at which torchebm publishes its Langevin sampler on a double well of height 2 in each coordinate.
void add_double_well(std::vector<Workload>& list, const std::string& name, const Setting& at) {
  struct Scale {
    int64_t chains, size, steps;
  };
  constexpr real height = 2;
  const Energy energy = [](const Tensor& x) { return height * sum_per_sample(square(square(x) - 1)); };
  for (const Scale& s : {Scale{64, 8, 50}, Scale{256, 32, 100}, Scale{1024, 128, 200}}) {
    auto problem = std::make_shared<Problem>(problem_from_normals("double-well-" + std::to_string(s.size),
                                                                  "double well", Langevin::exact(eta), s.steps,
                                                                  {checked_chains, s.size}, at.seed));
    problem->gradient = double_well_gradient(height);
    add_references(*problem, at.seed);
    list.push_back(at.workload(name, problem, s.chains, 0, sampler(*problem, energy)));
    if (at.on_gpu())
      list.push_back(at.workload(name + " by graph", problem, s.chains, 0, replayed_sampler(*problem, energy)));
    if (at.small) break;
  }
}

struct Mlp {
  Sequential net;
  std::shared_ptr<const Problem> problem;
  double operations;
};

Mlp make_mlp(const Setting& at) {
  Noise noise(at.seed, "bench weights");
  const LayerOptions options{.weight_init = init::he_uniform(), .bias_init = init::normal(1)};
  const Activation silu{Activation::Kind::silu};
  Sequential net{
      {Linear(2, 128, noise, options), silu, Linear(128, 128, noise, options), silu, Linear(128, 1, noise, options)}};
  auto problem = std::make_shared<Problem>(
      problem_from_normals("mlp", "mlp", Langevin::exact(eta), 100, {checked_chains, 2}, at.seed));
  problem->weights = params(net);
  problem->gradient = dense_gradient(problem->weights);
  add_references(*problem, at.seed);
  return {on_device(net, at.device), problem, 4 * (2 * 128 + 128 * 128 + 128)};
}

/// 2-128-128-1 with SiLU, as a NetEnergy: the chains run whole, in one kernel, which computes in fp32.
void add_mlp(std::vector<Workload>& list, const std::string& name, const Setting& at, const Mlp& m) {
  for (const int64_t chains : at.small ? std::vector<int64_t>{64} : std::vector<int64_t>{1, 64, 1024}) {
    list.push_back(at.workload(name, m.problem, chains, m.operations, sampler(*m.problem, NetEnergy{m.net})));
    list.back().precision = Precision::fp32;
  }
}

/// The same as an energy nobody can look into: every step is recorded and differentiated.
void add_mlp_by_tape(std::vector<Workload>& list, const std::string& name, const Setting& at, const Mlp& m) {
  const Energy energy = [net = NetEnergy{m.net}](const Tensor& x) mutable { return net(x); };
  list.push_back(at.workload(name, m.problem, at.small ? 64 : 1024, m.operations, sampler(*m.problem, energy)));
}

/// The "vanilla" network of Nijkamp et al. 2019 ("Learning non-convergent non-persistent short-run MCMC toward
/// energy-based model") on 32x32x3, with the constants of Du & Mordatch 2019 in the canonical order.
void add_image(std::vector<Workload>& list, const std::string& name, const Setting& at) {
  const int64_t chains = at.small ? driven_chains : 16;
  constexpr int64_t side = 32;
  const std::vector<Window> windows = {{1, 1}, {2, 1}, {2, 1}, {2, 1}, {1, 0}};
  const std::vector<int64_t> channels = {3, 32, 64, 128, 256, 1}, kernels = {3, 4, 4, 4, 4};
  constexpr real slope = real(0.05);

  Noise noise(at.seed, "bench weights");
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
  problem->steps = at.small ? 2 : 10;
  problem->starts = Noise(at.seed, "bench starts").uniform({chains, side, side, 3});
  problem->weights = params(net);
  problem->gradient = convolution_gradient(problem->weights, windows, slope, int(side));
  add_driven_chains(*problem, at.seed, 1, allowed_in_tf32_if_not);
  const NetEnergy energy{on_device(net, at.device)};
  list.push_back(at.workload(name, problem, chains, operations, sampler(*problem, energy)));
  if (at.on_gpu())
    list.push_back(at.workload(name + " by graph", problem, chains, operations, replayed_sampler(*problem, energy)));
}

}  // namespace

Tensor Workload::starts(int64_t first) const { return slice(problem->starts, 0, first, first + chains).to(device); }

std::vector<std::string> workload_names() { return {"update", "double well", "mlp", "mlp by tape", "image"}; }

std::vector<Workload> make_workloads(const std::string& only, uint64_t seed, Device device, bool small) {
  const Setting at{seed, device, small};
  std::vector<Workload> list;
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  if (wanted("update")) add_update(list, "update", at);
  if (wanted("double well")) add_double_well(list, "double well", at);
  if (wanted("mlp") || wanted("mlp by tape")) {
    const Mlp mlp = make_mlp(at);
    if (wanted("mlp")) add_mlp(list, "mlp", at, mlp);
    if (wanted("mlp by tape")) add_mlp_by_tape(list, "mlp by tape", at, mlp);
  }
  if (wanted("image")) add_image(list, "image", at);
  return list;
}

namespace {

/// How far chains are from those in double, relative to their way: that of the lower middle one.
double driven_difference(const Workload& workload, const Driven& driven, uint64_t seed, Precision precision) {
  const InPrecision scope(precision);
  Noise noise = driving_noise(seed, workload.device);
  const Tensor starts = workload.starts();
  const std::vector<real> from = starts.to_host(), to = workload.run(starts, driven.steps, noise).to_host();
  const int64_t size = workload.size();
  std::vector<double> differences;
  for (int64_t chain = 0; chain < std::min(workload.chains, driven.chains.count); ++chain) {
    double difference = 0, way = 0;
    for (int64_t i = chain * size; i < (chain + 1) * size; ++i) {
      const double reference = driven.chains.values[size_t(i)];
      difference += std::pow(to[size_t(i)] - reference, 2);
      way += std::pow(reference - from[size_t(i)], 2);
    }
    differences.push_back(std::sqrt(difference / way));
    if (!std::isfinite(differences.back())) return std::numeric_limits<double>::infinity();
  }
  std::sort(differences.begin(), differences.end());
  return differences[(differences.size() - 1) / 2];
}

/// Chains with noise of their own: all of them, or of very many some in every part of the launch.
Sample sample(const Workload& workload, uint64_t seed) {
  constexpr int64_t most = 1 << 20;
  const int64_t size = workload.size(), step = workload.chains > most ? workload.chains / most + 1 : 1;
  Noise noise(seed, "bench sample", workload.device);
  Sample ends{0, size, {}};
  for (int64_t done = 0; done < checked_chains; done += workload.chains) {
    const std::vector<real> more = workload.run(workload.starts(done), workload.problem->steps, noise).to_host();
    for (int64_t chain = 0; chain < workload.chains; chain += step, ++ends.count)
      ends.values.insert(ends.values.end(), more.begin() + chain * size, more.begin() + (chain + 1) * size);
  }
  return ends;
}

/// The first of the two checks. Precision changes products and nothing else: what takes the right way to the end in
/// fp32 need be followed in tf32 only so far as rounding allows.
LawCheck check_driven(const Workload& workload, uint64_t seed) {
  const Driven &driven = workload.problem->driven, &in_tf32 = workload.problem->driven_in_tf32;
  const double difference = driven_difference(workload, driven, seed, Precision::fp32);
  LawCheck check{difference < driven.allowed, {{"difference", difference}}};
  if (workload.operations > 0 && workload.precision == Precision::tf32) {
    const double rounded = driven_difference(workload, in_tf32, seed, Precision::tf32);
    check.passed = check.passed && rounded < in_tf32.allowed;
    check.numbers.emplace_back("in tf32", rounded);
  }
  return check;
}

}  // namespace

LawCheck check_law(const Workload& workload, uint64_t seed) {
  LawCheck check = check_driven(workload, seed);
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
