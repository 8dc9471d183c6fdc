#include "data.h"

#include <cmath>
#include <numbers>

#include "../engine/io/datasets.h"
#include "../engine/ops.h"
#include "data_images.h"
#include "error.h"

namespace erg::tools {

Mixture grid_of_25_gaussians() {
  Mixture m{{}, 0.05 / 2.828};
  for (int x = -2; x <= 2; ++x)
    for (int y = -2; y <= 2; ++y) m.centres.push_back({2 * x / 2.828, 2 * y / 2.828});
  return m;
}

Mixture ring_of_8_gaussians() {
  Mixture m{{}, 0.02 / 1.414};
  for (int i = 0; i < 8; ++i) {
    const double angle = i * std::numbers::pi / 4;
    m.centres.push_back({2 * std::cos(angle) / 1.414, 2 * std::sin(angle) / 1.414});
  }
  return m;
}

namespace {

class MixtureData : public Data {
 public:
  MixtureData(Mixture mixture, uint64_t seed) : mixture_(std::move(mixture)), noise_(seed, "data") {}

  Tensor next(int64_t count) override {
    const std::vector<int64_t> mode = noise_.integers(count, int64_t(mixture_.centres.size()));
    std::vector<real> centres;
    for (int64_t m : mode)
      for (double coordinate : mixture_.centres[size_t(m)]) centres.push_back(real(coordinate));
    return Tensor::from_host({count, 2}, centres) + real(mixture_.deviation) * noise_.normal({count, 2});
  }
  void visit(Visitor& v) override { v.sub("noise", noise_); }

 private:
  Mixture mixture_;
  Noise noise_;
};

/// t = 1.5 pi (1 + 2u), (t cos t, t sin t) with noise 0.25, divided by 7.5 (scikit-learn's make_swiss_roll, flattened).
class SwissRoll : public Data {
 public:
  explicit SwissRoll(uint64_t seed) : noise_(seed, "data") {}

  Tensor next(int64_t count) override {
    const Tensor t = affine(noise_.uniform({count, 1}), real(3 * std::numbers::pi), real(1.5 * std::numbers::pi));
    const Tensor roll = concat({t * cos(t), t * sin(t)}, 1);
    return (roll + real(0.25) * noise_.normal({count, 2})) / real(7.5);
  }
  void visit(Visitor& v) override { v.sub("noise", noise_); }

 private:
  Noise noise_;
};

/// Four circles of radii 0.5, 1, 1.5 and 2 with noise 0.05.
class Rings : public Data {
 public:
  explicit Rings(uint64_t seed) : noise_(seed, "data") {}

  Tensor next(int64_t count) override {
    std::vector<real> radii;
    for (const int64_t ring : noise_.integers(count, 4)) radii.push_back(real(ring + 1) / 2);
    const Tensor radius = Tensor::from_host({count, 1}, radii);
    const Tensor angle = noise_.uniform({count, 1}, 0, real(2 * std::numbers::pi));
    return radius * concat({cos(angle), sin(angle)}, 1) + real(0.05) * noise_.normal({count, 2});
  }
  void visit(Visitor& v) override { v.sub("noise", noise_); }

 private:
  Noise noise_;
};

/// One row a data set: its name, the shape of a sample, how many classes its labels have, its mixture if it is one, and
/// how it is opened.
struct Set {
  const char* name;
  Shape sample;
  int64_t classes;
  std::optional<Mixture> (*mixture)();
  std::unique_ptr<Data> (*open)(const std::string& data_dir, uint64_t seed, const DataOptions& options);
};

std::optional<Mixture> no_mixture() { return std::nullopt; }

template <Mixture (*mixture)()>
std::optional<Mixture> the_mixture() {
  return mixture();
}

void refuse(const DataOptions& options) {
  if (options.dequantise || options.labels > 0)
    throw UsageError("--dequantise and --labels are for images, and this data set is 2-D");
}

template <Mixture (*mixture)()>
std::unique_ptr<Data> open_mixture(const std::string&, uint64_t seed, const DataOptions& options) {
  refuse(options);
  return std::make_unique<MixtureData>(mixture(), seed);
}

template <class Set>
std::unique_ptr<Data> open_plane(const std::string&, uint64_t seed, const DataOptions& options) {
  refuse(options);
  return std::make_unique<Set>(seed);
}

template <auto load>
std::unique_ptr<Data> open_images(const std::string& data_dir, uint64_t seed, const DataOptions& options) {
  return image_data(load(io::find_data_dir(data_dir), io::Split::train), seed, options);
}

template <int digits>
std::unique_ptr<Data> open_stacks(const std::string& data_dir, uint64_t seed, const DataOptions& options) {
  return stacked_data(io::load_mnist(io::find_data_dir(data_dir), io::Split::train), digits, seed, options);
}

const Set sets[] = {
    {"25gaussians", {2}, 0, the_mixture<grid_of_25_gaussians>, open_mixture<grid_of_25_gaussians>},
    {"8gaussians", {2}, 0, the_mixture<ring_of_8_gaussians>, open_mixture<ring_of_8_gaussians>},
    {"swissroll", {2}, 0, no_mixture, open_plane<SwissRoll>},
    {"rings", {2}, 0, no_mixture, open_plane<Rings>},
    {"mnist", {28, 28, 1}, 10, no_mixture, open_images<io::load_mnist>},
    {"fashion-mnist", {28, 28, 1}, 10, no_mixture, open_images<io::load_fashion_mnist>},
    {"stackedmnist", {28, 28, 3}, 0, no_mixture, open_stacks<3>},
    {"stackedmnist-10000", {28, 28, 4}, 0, no_mixture, open_stacks<4>},
    {"cifar10", {32, 32, 3}, 10, no_mixture, open_images<io::load_cifar10>},
};

const Set& find(const std::string& name) {
  for (const Set& set : sets)
    if (name == set.name) return set;
  throw UsageError("unknown data set '" + name + "'; there are " + join(data_names()));
}

}  // namespace

std::vector<std::string> data_names() {
  std::vector<std::string> all;
  for (const Set& set : sets) all.emplace_back(set.name);
  return all;
}

Shape sample_shape(const std::string& name) { return find(name).sample; }

int64_t classes_of(const std::string& name) { return find(name).classes; }

std::optional<Mixture> mixture_of(const std::string& name) { return find(name).mixture(); }

Labelled Data::next_labelled(int64_t) { throw UsageError("this data set has no labels"); }

std::unique_ptr<Data> open_data(const std::string& name, const std::string& data_dir, uint64_t seed,
                                const DataOptions& options) {
  return find(name).open(data_dir, seed, options);
}

}  // namespace erg::tools
