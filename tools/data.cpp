#include "data.h"

#include <cmath>
#include <numbers>

#include "../engine/io/datasets.h"
#include "../engine/ops.h"
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

/// Passes over an image set, each in a random order of its own. The order is a function of (seed, pass), so the state
/// of the sequence is where it stands.
class ImageData : public Data {
 public:
  ImageData(io::ImageSet set, uint64_t seed) : set_(std::move(set)), noise_(seed, "data") {}

  Tensor next(int64_t count) override {
    const int64_t pixels = int64_t(set_.height) * set_.width * set_.channels;
    std::vector<real> batch;
    batch.reserve(size_t(count * pixels));
    for (int64_t i = 0; i < count; ++i, ++position_) {
      const uint64_t within = position_ % uint64_t(set_.count);
      if (within == 0 || order_.empty()) {
        noise_.set_step(uint32_t(position_ / uint64_t(set_.count)));
        order_ = noise_.permutation(set_.count);
      }
      const uint8_t* image = &set_.pixels[size_t(order_[within] * pixels)];
      for (int64_t p = 0; p < pixels; ++p) batch.push_back(real(image[p]) / real(127.5) - 1);
    }
    return Tensor::from_host({count, set_.height, set_.width, set_.channels}, batch);
  }
  void visit(Visitor& v) override {
    v.counter(
        "position", [this] { return position_; },
        [this](uint64_t value) {
          position_ = value;
          order_.clear();
        });
  }

 private:
  io::ImageSet set_;
  Noise noise_;
  std::vector<int64_t> order_;
  uint64_t position_ = 0;
};

/// One row a data set: its name, the shape of a sample, its mixture if it is one, and how it is opened.
struct Set {
  const char* name;
  Shape sample;
  std::optional<Mixture> (*mixture)();
  std::unique_ptr<Data> (*open)(const std::string& data_dir, uint64_t seed);
};

std::optional<Mixture> no_mixture() { return std::nullopt; }

template <Mixture (*mixture)()>
std::optional<Mixture> the_mixture() {
  return mixture();
}

template <Mixture (*mixture)()>
std::unique_ptr<Data> open_mixture(const std::string&, uint64_t seed) {
  return std::make_unique<MixtureData>(mixture(), seed);
}

std::unique_ptr<Data> open_swiss_roll(const std::string&, uint64_t seed) { return std::make_unique<SwissRoll>(seed); }

template <auto load>
std::unique_ptr<Data> open_images(const std::string& data_dir, uint64_t seed) {
  return std::make_unique<ImageData>(load(io::find_data_dir(data_dir), io::Split::train), seed);
}

const Set sets[] = {
    {"25gaussians", {2}, the_mixture<grid_of_25_gaussians>, open_mixture<grid_of_25_gaussians>},
    {"8gaussians", {2}, the_mixture<ring_of_8_gaussians>, open_mixture<ring_of_8_gaussians>},
    {"swissroll", {2}, no_mixture, open_swiss_roll},
    {"mnist", {28, 28, 1}, no_mixture, open_images<io::load_mnist>},
    {"fashion-mnist", {28, 28, 1}, no_mixture, open_images<io::load_fashion_mnist>},
    {"cifar10", {32, 32, 3}, no_mixture, open_images<io::load_cifar10>},
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

std::optional<Mixture> mixture_of(const std::string& name) { return find(name).mixture(); }

std::unique_ptr<Data> open_data(const std::string& name, const std::string& data_dir, uint64_t seed) {
  return find(name).open(data_dir, seed);
}

}  // namespace erg::tools
