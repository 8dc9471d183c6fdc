#include "erg_c.h"

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "../../engine/ops.h"
#include "../../samplers/langevin.h"
#include "../data.h"
#include "../error.h"
#include "../failure.h"
#include "../sampling.h"

using namespace erg;
using namespace erg::tools;

static_assert(std::is_same_v<real, float>);
static_assert(int(ERG_STOPPED) == Exit::failed && int(ERG_INTERNAL) == Exit::internal &&
              int(ERG_USAGE) == Exit::usage && int(ERG_BAD_DATA) == Exit::bad_data &&
              int(ERG_NO_INPUT) == Exit::no_input && int(ERG_NO_DEVICE) == Exit::no_device &&
              int(ERG_OUT_OF_MEMORY) == Exit::out_of_memory && int(ERG_DIVERGED) == Exit::diverged);

/// A law, and the shape of one point of it.
struct Space {
  Target target;
  Shape point;
};

struct erg_run {
  TrainedRun trained;
  Device device;
  std::string device_name;
  Shape sample;
  std::vector<Space> spaces;

  erg_run(const char* directory, const char* where)
      : trained(directory, where),
        device(device_of(trained.settings)),
        device_name(to_string(device)),
        sample(sample_shape(trained.settings.data)) {
    for (Target& target : trained.trainer->targets()) {
      Noise noise(0, "start", device);
      Shape point = sample;
      if (target.space != "data") {
        point = {};
        const Tensor one = target.start(1, noise);
        for (int i = 1; i < one.rank(); ++i) point.push_back(one.dim(i));
      }
      spaces.push_back({std::move(target), point});
    }
  }
};

namespace {

// No allocation and no destructor: a message can be kept when memory is out, and read while a thread ends.
thread_local constinit char last_error[1024] = "";
thread_local constinit int last_status = ERG_OK;

/// A callback's wish.
struct Stopped {
  int code;
};

/// The door of every function that can fail: what is thrown inside becomes the thread's last error and its status.
template <class Body>
int guarded(const char* function, const Body& body) noexcept {
  const auto keep = [&](const char* what) { std::snprintf(last_error, sizeof last_error, "%s: %s", function, what); };
  try {
    body();
    return ERG_OK;
  } catch (const Stopped& stopped) {
    keep(("the callback returned " + std::to_string(stopped.code)).c_str());
    return last_status = ERG_STOPPED;
  } catch (...) { return last_status = report_failure(keep); }
}

/// The same for functions that return a value, and `otherwise` on failure.
template <class Value, class Body>
Value guarded_value(const char* function, Value otherwise, const Body& body) noexcept {
  Value value = otherwise;
  guarded(function, [&] { value = body(); });
  return value;
}

template <class T>
T& given(T* pointer, const char* name) {
  if (!pointer) throw UsageError(std::string(name) + " is NULL");
  return *pointer;
}

void check_count(const char* name, int64_t count) {
  if (count < 0) throw UsageError(std::string(name) + " must be at least 0, got " + std::to_string(count));
}

/// [n, row...]. Throws std::bad_alloc where the number of bytes would not be one.
Shape batch(int64_t n, const Shape& row) {
  check_count("n", n);
  constexpr int64_t most = int64_t(1) << 48;
  if (n > most / std::max<int64_t>(1, row.size())) throw std::bad_alloc();
  Shape shape{n};
  for (const int64_t extent : row) shape.push_back(extent);
  return shape;
}

Tensor read(int64_t n, const Shape& row, const float* x, Device device) {
  const Shape shape = batch(n, row);
  return Tensor::from_host(shape, {&given(x, "x"), size_t(shape.size())}, device);
}

void write(const Tensor& values, float* out) {
  copy_bytes(cpu_device, out, values.device(), values.data(), values.size() * int64_t(sizeof(float)));
}

const Space& space_of(const erg_run& run, const char* name) {
  std::vector<std::string> names;
  for (const Space& space : run.spaces) {
    if (!name || space.target.space == name) return space;
    names.push_back(space.target.space);
  }
  if (names.empty()) throw UsageError(run.trained.settings.system + " has no law that chains could follow");
  throw UsageError("space '" + std::string(name) + "': " + run.trained.settings.system + " has " + join(names));
}

/// Where the chains are after the steps; x itself is left alone.
Tensor run_chains(const Langevin& langevin, const Energy& energy, const Tensor& x, int64_t first, int64_t steps,
                  uint64_t seed) {
  check_count("first", first);
  check_count("steps", steps);
  if (first > UINT32_MAX || steps > UINT32_MAX - first)
    throw UsageError("first + steps must be below 2^32, got " + std::to_string(first) + " and " +
                     std::to_string(steps));
  Noise noise(seed, "chains", x.device());
  noise.set_step(uint32_t(first));
  try {
    return run(langevin, energy, x, steps, noise);
  } catch (const std::invalid_argument& error) { throw UsageError(error.what()); }
}

Langevin langevin_of(const erg_step& s) {
  return {.drift = s.drift, .noise = s.noise, .low = s.low, .high = s.high, .grad_clip = s.clip};
}

/// A callback as an energy whose gradient is the one it wrote.
Energy energy_of(erg_energy_callback callback, void* user) {
  return [=](const Tensor& x) {
    const int64_t n = x.dim(0);
    Tensor energies = Tensor::empty({n}), gradients = Tensor::empty(x.shape());
    if (const int code = callback(user, n, x.data(), energies.mutate(), gradients.mutate())) throw Stopped{code};
    return record("callback", energies, From{x, [n, gradients](const Tensor& g) {
                                               return reshape(g, {n, 1}) * gradients;
                                             }});
  };
}

}  // namespace

const char* erg_version(void) { return ERG_VERSION; }
const char* erg_last_error(void) { return last_error; }
int erg_last_status(void) { return last_status; }

erg_run* erg_load(const char* directory, const char* device) {
  return guarded_value<erg_run*>(__func__, nullptr,
                                 [&] { return new erg_run(&given(directory, "directory"), device ? device : "auto"); });
}

void erg_destroy(erg_run* run) { delete run; }

const char* erg_system(const erg_run* run) { return run ? run->trained.settings.system.c_str() : nullptr; }
const char* erg_data(const erg_run* run) { return run ? run->trained.settings.data.c_str() : nullptr; }
const char* erg_device(const erg_run* run) { return run ? run->device_name.c_str() : nullptr; }

int erg_sample_rank(const erg_run* run) {
  return guarded_value(__func__, -1, [&] { return given(run, "run").sample.rank(); });
}

int erg_sample_shape(const erg_run* run, int64_t* shape) {
  return guarded(__func__, [&] { std::ranges::copy(given(run, "run").sample, &given(shape, "shape")); });
}

int64_t erg_sample_size(const erg_run* run) {
  return guarded_value<int64_t>(__func__, -1, [&] { return given(run, "run").sample.size(); });
}

int erg_sample(erg_run* run, int64_t n, uint64_t seed, float* out) {
  return guarded(__func__, [&] {
    Noise noise(seed, "samples", given(run, "run").device);
    given(out, "out");
    if (batch(n, run->sample).size() > 0) write(run->trained.trainer->sample(n, noise), out);
  });
}

int erg_space_count(const erg_run* run) {
  return guarded_value(__func__, -1, [&] { return int(given(run, "run").spaces.size()); });
}

const char* erg_space_name(const erg_run* run, int index) {
  return guarded_value<const char*>(__func__, nullptr, [&] {
    const std::vector<Space>& spaces = given(run, "run").spaces;
    if (index < 0 || index >= int(spaces.size()))
      throw UsageError("index " + std::to_string(index) + ": there are " + std::to_string(spaces.size()) + " spaces");
    return spaces[size_t(index)].target.space.c_str();
  });
}

int64_t erg_space_size(const erg_run* run, const char* space) {
  return guarded_value<int64_t>(__func__, -1, [&] { return space_of(given(run, "run"), space).point.size(); });
}

int erg_start(erg_run* run, const char* space, int64_t n, uint64_t seed, float* x) {
  return guarded(__func__, [&] {
    const Space& at = space_of(given(run, "run"), space);
    Noise noise(seed, "start", run->device);
    given(x, "x");
    if (batch(n, at.point).size() > 0) write(at.target.start(n, noise), x);
  });
}

int erg_samples_of(erg_run* run, const char* space, int64_t n, const float* x, float* samples) {
  return guarded(__func__, [&] {
    const Space& at = space_of(given(run, "run"), space);
    const Tensor points = read(n, at.point, x, run->device);
    given(samples, "samples");
    if (n > 0) write(at.target.samples(points), samples);
  });
}

int erg_energy(erg_run* run, const char* space, int64_t n, const float* x, float* energies) {
  return guarded(__func__, [&] {
    const Space& at = space_of(given(run, "run"), space);
    const Tensor points = read(n, at.point, x, run->device);
    given(energies, "energies");
    if (n > 0) write(at.target.energy(points), energies);
  });
}

int erg_energy_gradient(erg_run* run, const char* space, int64_t n, const float* x, float* energies, float* gradients) {
  return guarded(__func__, [&] {
    const Space& at = space_of(given(run, "run"), space);
    const Tensor points = read(n, at.point, x, run->device);
    given(energies, "energies"), given(gradients, "gradients");
    if (n == 0) return;
    const auto [energy, gradient] = energy_and_gradient(at.target.energy, points);
    write(energy, energies);
    write(gradient, gradients);
  });
}

erg_step erg_step_exact(float eta) {
  const Langevin exact = Langevin::exact(eta);
  return {exact.drift, exact.noise, exact.low, exact.high, exact.grad_clip};
}

int erg_langevin(erg_run* run, const char* space, const erg_step* step, int64_t n, int64_t first, int64_t steps,
                 uint64_t seed, float* x) {
  return guarded(__func__, [&] {
    const auto& [target, point] = space_of(given(run, "run"), space);
    Langevin langevin = Langevin::exact(target.step_size);
    langevin.low = target.low, langevin.high = target.high;
    if (step) langevin = langevin_of(*step);
    const Tensor start = read(n, point, x, run->device);
    if (n > 0) write(run_chains(langevin, target.energy, start, first, steps, seed), x);
  });
}

int erg_langevin_on(erg_energy_callback energy, void* user, const erg_step* step, int64_t n, int64_t size,
                    int64_t first, int64_t steps, uint64_t seed, float* x) {
  return guarded(__func__, [&] {
    if (!energy) throw UsageError("energy is NULL");
    check_count("size", size);
    const Langevin langevin = langevin_of(given(step, "step"));
    const Tensor start = read(n, {size}, x, cpu_device);
    if (start.size() > 0) write(run_chains(langevin, energy_of(energy, user), start, first, steps, seed), x);
  });
}
