#include "evaluation.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "../../engine/io/datasets.h"
#include "../../engine/ops.h"
#include "../data_images.h"
#include "classifier_score.h"
#include "features.h"

namespace erg::tools {

int64_t protocol_count(const std::string& data) {
  return is_stack(data) ? 26 * std::llround(std::pow(10, double(sample_shape(data).back()))) : 10000;
}

// ---- Real data

namespace {

Tensor held_out_points(const std::string& data, int64_t count, uint64_t seed) {
  return open_data(data, "", seed, {.held_out = true})->next(count);
}

/// What samples are compared with is not what `erg eval real` takes for samples, whose seed is the user's.
uint64_t real_seed(uint64_t seed) { return ~seed; }
uint64_t reference_seed(uint64_t seed) { return ~seed - (uint64_t(1) << 62); }
constexpr int64_t reference_count = 100000;

std::string digits_name(const std::string& data) { return is_stack(data) ? "mnist" : data; }

}  // namespace

std::function<Tensor(int64_t)> in_order(Tensor x) {
  return [x = std::move(x), done = int64_t(0)](int64_t count) mutable {
    done += count;
    return slice(x, 0, done - count, done);
  };
}

Samples real_samples(const std::string& data, int64_t count, const std::string& data_dir, uint64_t seed) {
  Samples samples{.data = data, .count = count > 0 ? count : protocol_count(data), .shape = sample_shape(data)};
  if (classes_of(data) == 0) {
    const std::shared_ptr<Data> endless = open_data(data, data_dir, seed, {.held_out = true});
    samples.next = [endless](int64_t n) { return endless->next(n); };
    return samples;
  }
  io::ImageSet test = load_images(data, data_dir, true);
  samples.count = std::min(samples.count, test.count);
  const auto [x, y] = image_data(std::move(test), seed, {})->next_labelled(samples.count);
  const std::vector<real> classes = y.to_host();
  samples.labels = {classes.begin(), classes.end()};
  samples.next = in_order(x);
  return samples;
}

// ---- Evaluation

namespace {

Evaluation::Kind kind_of(const Samples& samples) {
  if (!samples.next) return Evaluation::Kind::nothing;
  if (samples.shape.rank() == 1) return Evaluation::Kind::plane;
  if (is_stack(samples.data)) return Evaluation::Kind::stacks;
  return samples.data == "cifar10" ? Evaluation::Kind::colours : Evaluation::Kind::digits;
}

/// Makes what is absent.
template <class T, class Make>
const T& once(std::optional<T>& held, const Make& make) {
  if (!held) held = make();
  return *held;
}
template <class Make>
const Tensor& once(Tensor& held, const Make& make) {
  if (!held) held = make();
  return held;
}

}  // namespace

Evaluation::Evaluation(Samples samples, const EvaluationOptions& options)
    : samples_(std::move(samples)),
      options_(options),
      kind_(kind_of(samples_)),
      mixture_(kind_ == Kind::plane ? mixture_of(samples_.data) : std::nullopt),
      cache_(Cache(options.cache, options.quiet)) {}

Evaluation::Evaluation(Compared features, uint64_t seed)
    : options_{.seed = seed}, kind_(Kind::features), features_(std::move(features)) {}

const Tensor& Evaluation::points() {
  return once(points_, [&] { return samples_.next(samples_.count).to(cpu_device); });
}

const Tensor& Evaluation::real_points() {
  return once(real_points_, [&] { return held_out_points(samples_.data, samples_.count, real_seed(options_.seed)); });
}

const Tensor& Evaluation::reference_points() {
  return once(reference_points_,
              [&] { return held_out_points(samples_.data, reference_count, reference_seed(options_.seed)); });
}

const io::ImageSet& Evaluation::training_images() {
  return once(train_, [&] { return load_images(samples_.data, options_.data_dir, false); });
}

const io::ImageSet& Evaluation::test_images() {
  return once(test_, [&] { return load_images(samples_.data, options_.data_dir, true); });
}

const Network& Evaluation::network() {
  return once(network_, [&] {
    if (kind_ == Kind::colours)
      return resnet_network(options_.network, io::find_data_dir(options_.data_dir), options_.device);
    return digit_network(digits_name(samples_.data), options_.classifier, *cache_, options_.device,
                         [&]() -> const io::ImageSet& { return training_images(); });
  });
}

const Outputs& Evaluation::sample_outputs() {
  return once(sample_outputs_, [&] {
    if (kind_ != Kind::stacks) return outputs(network(), samples_.count, samples_.next);
    return outputs(network(), samples_.count, [&](int64_t batch) {  // each channel is an image
      const Tensor x = samples_.next(batch);
      return reshape(permute(x, {0, 3, 1, 2}), {batch * x.dim(3), x.dim(1), x.dim(2), 1});
    });
  });
}

const Outputs& Evaluation::test_outputs() {
  return once(test_outputs_,
              [&] { return cached_outputs(*cache_, network(), digits_name(samples_.data) + "-test", test_images()); });
}

const Outputs& Evaluation::training_outputs() {
  return once(training_outputs_, [&] {
    return cached_outputs(*cache_, network(), digits_name(samples_.data) + "-train", training_images());
  });
}

std::vector<uint8_t> Evaluation::test_labels() { return test_images().labels; }

Tensor Evaluation::own_test_logits() {
  const auto apply = [this](const Tensor& x) {
    const Tensor logits = samples_.logits(x);
    return Outputs{.features = logits, .logits = logits};
  };
  return outputs({.name = "its own", .fingerprint = "", .apply = apply, .device = device()}, test_images()).logits;
}

const Compared& Evaluation::features() {
  return once(features_, [&]() -> Compared {
    if (kind_ == Kind::plane)
      return {.name = "coordinates", .samples = points(), .reference = reference_points(), .real = real_points()};
    Noise some = noise("real features");
    return {.name = network().name,
            .samples = sample_outputs().features,
            .reference = training_outputs().features,
            .real = random_rows(test_outputs().features, samples_.count, some)};
  });
}

Description Evaluation::description() {
  const auto of = [](int64_t count, const char* what) { return std::to_string(count) + " " + what; };
  const std::string set = " (" + samples_.data + ")";
  if (kind_ == Kind::nothing) return {{"test images", std::to_string(test_images().count) + set}};
  if (kind_ == Kind::features)
    return {{"samples", of(count(), "rows of features")}, {"reference", of(features().reference.dim(0), "others")}};
  Description lines;
  if (kind_ == Kind::plane) {
    lines = {{"samples", of(count(), "points") + set}, {"real data", "as many held-out points"}};
    if (reference_points_) lines.emplace_back("reference", of(reference_count, "other held-out points"));
    return lines;
  }
  if (kind_ == Kind::stacks) {
    const std::string stacks = "stacks of " + of(samples_.shape.back(), "digits");
    lines = {{"samples", of(count(), stacks.c_str()) + set},
             {"real data", "expected of as many stacks of test images"}};
  } else {
    lines = {{"samples", of(count(), "images") + set},
             {"real data", of(std::min(count(), test_outputs().logits.dim(0)), "test images")}};
    if (features_) lines.emplace_back("reference", of(features_->reference.dim(0), "training images"));
  }
  char right[60];
  std::snprintf(right, sizeof right, ": right on %.2f %% of the ",
                100 * accuracy(test_outputs().logits, test_labels()));
  lines.emplace_back("network", network().name + right + of(test_outputs().logits.dim(0), "test images"));
  return lines;
}

}  // namespace erg::tools
