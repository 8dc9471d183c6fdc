// What there is to train on: 2-D mixtures made on the fly, and image sets read from their original files.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../engine/io/image_set.h"
#include "../models/labels.h"

namespace erg::tools {

/// An equal mixture of round Gaussians in the plane.
struct Mixture {
  std::vector<std::array<double, 2>> centres;
  double deviation;  // of each Gaussian, per coordinate
};

/// 25 centres on {-4,-2,0,2,4}^2 with deviation 0.05, everything divided by 2.828 (Gulrajani et al. 2017, their code).
Mixture grid_of_25_gaussians();
/// 8 centres on a circle of radius 2 with deviation 0.02, everything divided by 1.414 (the same source).
Mixture ring_of_8_gaussians();

/// Which part of a set is read, how its images are, and which labels are known.
struct DataOptions {
  bool dequantise = false;  // (x + u) / 128 - 1 with u in [0,1): each byte is spread over its bin; else x / 127.5 - 1
  int64_t labels = 0;       // samples whose label is known, as many of each class; 0: all
  bool held_out = false;    // what training never sees: test images, stacks of test digits, points of another stream
};

/// A data set as training sees it: a shape, and an endless sequence of minibatches that depends on the seed alone.
class Data {
 public:
  virtual ~Data() = default;
  /// The next minibatch, [count, ...sample]. Images are scaled to [-1,1], NHWC.
  virtual Tensor next(int64_t count) = 0;
  /// The next minibatch of samples whose labels are known, x [count, ...sample] and y [count]: a sequence of its own.
  /// Throws UsageError for a set without labels.
  virtual Labelled next_labelled(int64_t count);
  virtual void visit(Visitor& v) = 0;
};

/// The names open_data knows, for help and messages.
std::vector<std::string> data_names();
/// The shape of one sample: [2] or [H,W,C]. Throws UsageError for an unknown name.
Shape sample_shape(const std::string& name);
/// How many classes its labels have; 0: it has none. Throws UsageError for an unknown name.
int64_t classes_of(const std::string& name);
/// Whether its samples are stacks of digits. Throws UsageError for an unknown name.
bool is_stack(const std::string& name);
/// The mixture a 2-D set is drawn from, whose modes can be counted; none for the others.
std::optional<Mixture> mixture_of(const std::string& name);

/// All images of a set, or the digits that its stacks are made of: those that training sees, or the held-out ones.
/// Looked for, and errors, as open_data's; UsageError also for a 2-D set.
io::ImageSet load_images(const std::string& name, const std::string& data_dir, bool held_out);

/// Opens a data set; images are looked for in data_dir, $ERG_DATA or ./data. Which samples are labelled does not depend
/// on the seed. Throws UsageError for an unknown name, for options the set has not and for labels that do not divide
/// among its classes, io::MissingError and io::DataError for absent and broken files.
std::unique_ptr<Data> open_data(const std::string& name, const std::string& data_dir, uint64_t seed,
                                const DataOptions& options = {});

}  // namespace erg::tools
