#include "data_images.h"

#include <algorithm>

#include "error.h"

namespace erg::tools {

namespace {

/// Bytes as reals in [-1,1], dequantised with noise of their own.
class Pixels {
 public:
  Pixels(bool dequantise, uint64_t seed) : dequantise_(dequantise), noise_(seed, "dequantisation") {}

  Tensor operator()(const Shape& shape, const std::vector<real>& bytes) {
    const Tensor x = Tensor::from_host(shape, bytes);
    return dequantise_ ? (x + noise_.uniform(shape)) / 128 - 1 : x / real(127.5) - 1;
  }
  void visit(Visitor& v) { v.sub("noise", noise_); }

 private:
  bool dequantise_;
  Noise noise_;
};

/// An endless sequence of some items, pass by pass. The order of a pass is a function of (seed, pass), so the state of
/// the sequence is where it stands.
class Passes {
 public:
  Passes(std::vector<int64_t> items, Noise noise) : items_(std::move(items)), noise_(std::move(noise)) {}

  int64_t next() {
    const uint64_t within = position_ % items_.size();
    if (within == 0 || order_.empty()) {
      noise_.set_step(uint32_t(position_ / items_.size()));
      order_ = noise_.permutation(int64_t(items_.size()));
    }
    ++position_;
    return items_[size_t(order_[within])];
  }
  void visit(Visitor& v) {
    v.counter(
        "position", [this] { return position_; },
        [this](uint64_t value) {
          position_ = value;
          order_.clear();
        });
  }

 private:
  std::vector<int64_t> items_;
  Noise noise_;
  std::vector<int64_t> order_;
  uint64_t position_ = 0;
};

constexpr uint64_t fixed_seed = 111;  // of what belongs to a data set and not to a run: MEG's number

/// The images whose labels are known: the first of each class in an order that is always the same.
std::vector<int64_t> labelled_items(const io::ImageSet& set, int64_t labels) {
  const int64_t classes = 1 + *std::ranges::max_element(set.labels), each = labels / classes;
  if (labels % classes != 0)
    throw UsageError("--labels: expected a multiple of the " + std::to_string(classes) + " classes, got " +
                     std::to_string(labels));
  std::vector<int64_t> items = Noise(fixed_seed, "labelled").permutation(set.count);
  if (labels == 0) return items;
  std::vector<int64_t> taken(size_t(classes), 0);
  std::erase_if(items, [&](int64_t i) { return taken[set.labels[size_t(i)]]++ >= each; });
  if (int64_t(items.size()) < labels)
    throw UsageError("--labels: a class has fewer than " + std::to_string(each) + " images");
  return items;
}

std::vector<int64_t> all_items(int64_t count) {
  std::vector<int64_t> items(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) items[size_t(i)] = i;
  return items;
}

class ImageData : public Data {
 public:
  ImageData(io::ImageSet set, uint64_t seed, const DataOptions& options)
      : set_(std::move(set)),
        pixels_(options.dequantise, seed),
        all_(all_items(set_.count), Noise(seed, "data")),
        labelled_(labelled_items(set_, options.labels), Noise(seed, "labelled data")) {}

  Tensor next(int64_t count) override { return batch(taken(all_, count)); }

  Labelled next_labelled(int64_t count) override {
    const std::vector<int64_t> items = taken(labelled_, count);
    std::vector<real> classes;
    for (const int64_t item : items) classes.push_back(set_.labels[size_t(item)]);
    return {batch(items), Tensor::from_host({count}, classes)};
  }

  void visit(Visitor& v) override {
    v.sub("pixels", pixels_);
    v.sub("all", all_);
    v.sub("labelled", labelled_);
  }

 private:
  static std::vector<int64_t> taken(Passes& passes, int64_t count) {
    std::vector<int64_t> items(static_cast<size_t>(count));
    for (int64_t& item : items) item = passes.next();
    return items;
  }

  Tensor batch(const std::vector<int64_t>& items) {
    const int64_t size = int64_t(set_.height) * set_.width * set_.channels;
    std::vector<real> bytes;
    bytes.reserve(items.size() * size_t(size));
    for (const int64_t item : items) {
      const uint8_t* image = &set_.pixels[size_t(item * size)];
      bytes.insert(bytes.end(), image, image + size);
    }
    return pixels_({int64_t(items.size()), set_.height, set_.width, set_.channels}, bytes);
  }

  io::ImageSet set_;
  Pixels pixels_;
  Passes all_, labelled_;
};

class StackedData : public Data {
 public:
  StackedData(io::ImageSet mnist, int digits, uint64_t seed, const DataOptions& options)
      : mnist_(std::move(mnist)), digits_(digits), pixels_(options.dequantise, seed), noise_(seed, "data") {
    if (options.held_out) return;
    stacks_ = 128;
    for (int i = 0; i < digits; ++i) stacks_ *= 10;
    const std::vector<int64_t> drawn = Noise(fixed_seed, "stacks").integers(stacks_ * digits, mnist_.count);
    images_.assign(drawn.begin(), drawn.end());
  }

  Tensor next(int64_t count) override {
    const int64_t size = int64_t(mnist_.height) * mnist_.width;
    const std::vector<int64_t> images = drawn(count);
    std::vector<real> bytes;
    bytes.reserve(size_t(count * size * digits_));
    for (int64_t stack = 0; stack < count; ++stack)
      for (int64_t p = 0; p < size; ++p)
        for (int d = 0; d < digits_; ++d)
          bytes.push_back(mnist_.pixels[size_t(images[size_t(stack * digits_ + d)] * size + p)]);
    return pixels_({count, mnist_.height, mnist_.width, digits_}, bytes);
  }

  void visit(Visitor& v) override {
    v.sub("pixels", pixels_);
    v.sub("noise", noise_);
  }

 private:
  /// The images of some stacks: [count, digits].
  std::vector<int64_t> drawn(int64_t count) {
    if (stacks_ == 0) return noise_.integers(count * digits_, mnist_.count);
    std::vector<int64_t> images;
    for (const int64_t stack : noise_.integers(count, stacks_))
      images.insert(images.end(), &images_[size_t(stack * digits_)], &images_[size_t(stack * digits_)] + digits_);
    return images;
  }

  io::ImageSet mnist_;
  int digits_;
  int64_t stacks_ = 0;           // of the set; 0: there is no end of them
  std::vector<int32_t> images_;  // [stacks, digits]
  Pixels pixels_;
  Noise noise_;
};

}  // namespace

std::unique_ptr<Data> image_data(io::ImageSet set, uint64_t seed, const DataOptions& options) {
  return std::make_unique<ImageData>(std::move(set), seed, options);
}

std::unique_ptr<Data> stacked_data(io::ImageSet mnist, int digits, uint64_t seed, const DataOptions& options) {
  if (options.labels > 0) throw UsageError("--labels: the stacked digits have no labels");
  return std::make_unique<StackedData>(std::move(mnist), digits, seed, options);
}

}  // namespace erg::tools
