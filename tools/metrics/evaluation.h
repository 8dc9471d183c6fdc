// What `erg eval` measures: samples, what they are compared with, and the list of metrics.
#pragma once

#include <optional>

#include "../../engine/energy.h"
#include "../data.h"
#include "networks.h"

namespace erg::tools {

/// Samples to judge.
struct Samples {
  std::string data;                                  // the set they imitate
  int64_t count = 0;                                 // how many there are, or shall be drawn
  Shape shape;                                       // of one: [2], or [H,W,C]
  std::function<Tensor(int64_t count)> next = {};    // the next so many; absent: there are none, only a classifier
  std::optional<Energy> law = {};                    // E, where exp(-E)/Z is known to be their law
  std::vector<uint8_t> labels = {};                  // the classes they were made for, if they were
  std::function<Tensor(const Tensor&)> logits = {};  // of images [B,H,W,C], where what made them is a classifier too
};

/// How many samples the protocol of a set wants: 10,000, and 26 a mode of stacked digits.
int64_t protocol_count(const std::string& data);

/// Samples handed out in the order of their rows, x [N,...].
std::function<Tensor(int64_t count)> in_order(Tensor x);

/// Held-out samples of the data themselves (DataOptions), of images with their labels and at most all there are. A
/// count of 0 means the protocol's. Throws as open_data.
Samples real_samples(const std::string& data, int64_t count, const std::string& data_dir, uint64_t seed);

struct EvaluationOptions {
  std::string data_dir{}, cache{}, classifier{}, network = "resnet20";
  uint64_t seed = 1;
  Device device = cpu_device;
  bool quiet = false;
};

/// Two sets of features, and where there is a third of real data, that.
struct Compared {
  std::string name;                 // of the features
  Tensor samples, reference, real;  // real may be absent
};

/// What a word of the table stands for, line by line: {"real data", "10000 test images"}.
using Description = std::vector<std::pair<std::string, std::string>>;

/// The samples and all they are compared with, each made when it is first asked for.
class Evaluation {
 public:
  enum class Kind { plane, digits, stacks, colours, features, nothing };

  Evaluation(Samples samples, const EvaluationOptions& options);
  /// Of features that were computed elsewhere.
  explicit Evaluation(Compared features, uint64_t seed);

  Kind kind() const { return kind_; }
  int64_t count() const { return kind_ == Kind::features ? features_->samples.dim(0) : samples_.count; }
  const std::optional<Mixture>& mixture() const { return mixture_; }
  const Samples& samples() const { return samples_; }
  Device device() const { return options_.device; }
  Noise noise(const char* use) const { return Noise(options_.seed, use); }

  // The plane: as many real points as samples, and more of them as a reference.
  const Tensor& points();
  const Tensor& real_points();
  const Tensor& reference_points();

  // Images: outputs of the network for the samples, for the set's test images and its training images.
  const Network& network();
  const Outputs& sample_outputs();
  const Outputs& test_outputs();
  const Outputs& training_outputs();
  std::vector<uint8_t> test_labels();
  /// The logits of the samples' own classifier for the set's test images.
  Tensor own_test_logits();

  /// Features as they are compared: real has as many rows as samples, if there are as many.
  const Compared& features();
  /// How many of what the scores so far are of.
  Description description();

 private:
  const io::ImageSet& training_images();
  const io::ImageSet& test_images();

  Samples samples_;
  EvaluationOptions options_;
  Kind kind_;
  std::optional<Mixture> mixture_;
  std::optional<Cache> cache_;
  std::optional<Network> network_;
  std::optional<io::ImageSet> train_, test_;
  Tensor points_, real_points_, reference_points_;
  std::optional<Outputs> sample_outputs_, test_outputs_, training_outputs_;
  std::optional<Compared> features_;
};

// ---- Metrics

struct Score {
  std::string metric;                             // "modes within 3 sd"
  enum class Unit { number, share, modes } unit;  // modes: out of `total`
  double value;
  std::optional<double> deviation = {};           // of the value over splits or subsets
  std::optional<double> real = {}, perfect = {};  // the score of real data; the expectation for perfect sampling
  double total = 0;
  std::string features = {};  // what the samples were compared by, if not by what they are
};

struct Metric {
  const char* name;
  const char* summary;
  bool (*applies)(const Evaluation&);
  std::vector<Score> (*score)(Evaluation&);
};

/// All of them, in the order of the table.
std::span<const Metric> metrics();

}  // namespace erg::tools
