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
  MixtureData(Mixture mixture, Noise noise) : mixture_(std::move(mixture)), noise_(std::move(noise)) {}

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
  explicit SwissRoll(Noise noise) : noise_(std::move(noise)) {}

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
  explicit Rings(Noise noise) : noise_(std::move(noise)) {}

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

/// One row a data set: its name, the shape of a sample, how many classes its labels have, its mixture if it is one; and
/// either where points come from, or the files of images, which are the samples or, without labels, stacked to samples.
struct Set {
  const char* name;
  Shape sample;
  int64_t classes;
  std::optional<Mixture> (*mixture)();
  std::unique_ptr<Data> (*points)(Noise noise);
  io::ImageSet (*images)(const std::filesystem::path& dir, io::Split split);
};

std::optional<Mixture> no_mixture() { return std::nullopt; }

template <Mixture (*mixture)()>
std::optional<Mixture> the_mixture() {
  return mixture();
}

template <Mixture (*mixture)()>
std::unique_ptr<Data> points_of(Noise noise) {
  return std::make_unique<MixtureData>(mixture(), std::move(noise));
}

template <class Points>
std::unique_ptr<Data> points_of(Noise noise) {
  return std::make_unique<Points>(std::move(noise));
}

const Set sets[] = {
    {"25gaussians", {2}, 0, the_mixture<grid_of_25_gaussians>, points_of<grid_of_25_gaussians>, nullptr},
    {"8gaussians", {2}, 0, the_mixture<ring_of_8_gaussians>, points_of<ring_of_8_gaussians>, nullptr},
    {"swissroll", {2}, 0, no_mixture, points_of<SwissRoll>, nullptr},
    {"rings", {2}, 0, no_mixture, points_of<Rings>, nullptr},
    {"mnist", {28, 28, 1}, 10, no_mixture, nullptr, io::load_mnist},
    {"fashion-mnist", {28, 28, 1}, 10, no_mixture, nullptr, io::load_fashion_mnist},
    {"stackedmnist", {28, 28, 3}, 0, no_mixture, nullptr, io::load_mnist},
    {"stackedmnist-10000", {28, 28, 4}, 0, no_mixture, nullptr, io::load_mnist},
    {"cifar10", {32, 32, 3}, 10, no_mixture, nullptr, io::load_cifar10},
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

bool is_stack(const std::string& name) { return find(name).images && find(name).classes == 0; }

std::optional<Mixture> mixture_of(const std::string& name) { return find(name).mixture(); }

io::ImageSet load_images(const std::string& name, const std::string& data_dir, bool held_out) {
  const Set& set = find(name);
  if (!set.images) throw UsageError("the data set '" + name + "' is 2-D: it has no images");
  return set.images(io::find_data_dir(data_dir), held_out ? io::Split::test : io::Split::train);
}

Labelled Data::next_labelled(int64_t) { throw UsageError("this data set has no labels"); }

std::unique_ptr<Data> open_data(const std::string& name, const std::string& data_dir, uint64_t seed,
                                const DataOptions& options) {
  const Set& set = find(name);
  if (set.points) {
    if (options.dequantise || options.labels > 0)
      throw UsageError("--dequantise and --labels are for images, and this data set is 2-D");
    return set.points(Noise(seed, options.held_out ? "held-out data" : "data"));
  }
  io::ImageSet images = load_images(name, data_dir, options.held_out);
  if (is_stack(name)) return stacked_data(std::move(images), int(set.sample.back()), seed, options);
  return image_data(std::move(images), seed, options);
}

}  // namespace erg::tools
