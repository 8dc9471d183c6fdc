// Rulers: vendors' routines for the same work, measured beside our kernels and, in tests, compared with them. They are
// opened at run time where the libraries are there; nothing here is needed to build or to run erg.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../engine/device.h"
#include "../../kernels/conv.h"
#include "../../kernels/gemm.h"
#include "../../kernels/norm.h"
#include "precision.h"

namespace erg::tools {

/// A routine that is ready to be launched, again and again, on the stream of its device. It throws RulerError.
struct Ruler {
  std::string name;
  std::function<void()> launch;
};

/// Which of the triad: y = conv2d(x, w), dx = conv2d_dx(dy, w) or dw = conv2d_dw(x, dy).
enum class Convolution { forward, dx, dw };

class Cublas;
class Cudnn;
class OneDnn;
class OpenBlas;

/// What this machine has for a device. Pointers are to the device's memory, and must stay there as long as the ruler.
/// Where there is no ruler, or it does not do what is asked for, there is nothing, and remarks() says why.
class Rulers {
 public:
  /// No rulers.
  Rulers() = default;
  explicit Rulers(Device device);

  /// As the kernel `gemm`: cuBLAS, or the faster of oneDNN and OpenBLAS.
  std::optional<Ruler> gemm(const kernels::GemmShape& s, Precision precision, const real* a, const real* b, real* c);
  /// As a kernel of the triad, but for the order of the weights, which is cuDNN's for NHWC, [co,kh,kw,ci]; oneDNN reads
  /// and writes weights of its own. The search for the fastest algorithm overwrites the result.
  std::optional<Ruler> convolution(Convolution which, const kernels::ConvShape& s, Precision precision,
                                   const real* first, const real* second, real* result);
  /// y = max(conv2d(x, w) + bias, 0): cuDNN fuses no other unit.
  std::optional<Ruler> conv2d_bias_relu(const kernels::ConvShape& s, Precision precision, const real* x, const real* w,
                                        const real* bias, real* y);

  /// As the kernels batch_norm and, with a cotangent g, batch_norm_backward, with ReLU, by oneDNN. x is so many images.
  std::optional<Ruler> batch_norm_relu(const kernels::NormShape& s, int64_t images, const real* g, const real* x,
                                       real* result);

  bool has_gemm() const { return cublas_ || onednn_ || openblas_; }
  /// What was found and what was not, and what did not work since, a line each.
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  template <class Make>
  std::optional<Ruler> attempt(const Make& make);

  Device device_;
  std::shared_ptr<Cublas> cublas_;
  std::shared_ptr<Cudnn> cudnn_;
  std::shared_ptr<OneDnn> onednn_;
  std::shared_ptr<OpenBlas> openblas_;
  std::vector<std::string> remarks_;
};

}  // namespace erg::tools
