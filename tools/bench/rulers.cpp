#include "rulers.h"

#include <algorithm>

#include "cublas.h"
#include "cudnn.h"
#include "onednn.h"
#include "openblas.h"
#include "timing.h"

namespace erg::tools {

namespace {

/// Opens a library, or says in a line why it is of no use.
template <class Routines>
std::shared_ptr<Routines> open(const char* name, Device device, std::vector<std::string>& remarks) {
  try {
    const auto routines = std::make_shared<Routines>(device);
    remarks.push_back("ruler " + routines->description());
    return routines;
  } catch (const std::exception& error) {
    remarks.push_back("no ruler " + std::string(name) + ": " + error.what());
    return nullptr;
  }
}

/// The one that takes less time, measured in turn.
Ruler faster(const std::optional<Ruler>& one, const Ruler& other) {
  if (!one) return other;
  Timed first(one->launch), second(other.launch);
  for (int round = 0; round < 3; ++round) first.measure(), second.measure();
  return first.median() < second.median() ? *one : other;
}

}  // namespace

Rulers::Rulers(Device device) : device_(device) {
  if (device.kind == Device::Kind::cpu) {
    onednn_ = open<OneDnn>("oneDNN", device, remarks_);
    openblas_ = open<OpenBlas>("OpenBLAS", device, remarks_);
    return;
  }
  if (is_emulated(device)) {
    remarks_.push_back("no rulers: cuBLAS and cuDNN need a GPU, and this one is emulated");
    return;
  }
  cublas_ = open<Cublas>("cuBLAS", device, remarks_);
  cudnn_ = open<Cudnn>("cuDNN", device, remarks_);
}

/// Makes a ruler and launches it once, for what it cannot do to show here.
template <class Make>
std::optional<Ruler> Rulers::attempt(const Make& make) {
  try {
    Ruler ruler = make();
    ruler.launch();
    synchronise(device_);
    return ruler;
  } catch (const RulerError& error) {
    const std::string remark = error.what();
    if (std::find(remarks_.begin(), remarks_.end(), remark) == remarks_.end()) remarks_.push_back(remark);
    return std::nullopt;
  }
}

std::optional<Ruler> Rulers::gemm(const kernels::GemmShape& s, Precision precision, const real* a, const real* b,
                                  real* c) {
  if (cublas_) return attempt([&] { return Cublas::gemm(cublas_, s, precision, a, b, c); });
  std::optional<Ruler> best;
  if (openblas_) best = OpenBlas::gemm(openblas_, s, a, b, c);
  if (onednn_) best = faster(best, OneDnn::gemm(onednn_, s, a, b, c));
  return best;
}

std::optional<Ruler> Rulers::convolution(Convolution which, const kernels::ConvShape& s, Precision precision,
                                         const real* first, const real* second, real* result) {
  if (onednn_) return attempt([&] { return OneDnn::convolution(onednn_, which, s, first, second, result); });
  if (!cudnn_) return std::nullopt;
  return attempt([&] { return Cudnn::convolution(cudnn_, which, s, precision, first, second, result); });
}

std::optional<Ruler> Rulers::conv2d_bias_relu(const kernels::ConvShape& s, Precision precision, const real* x,
                                              const real* w, const real* bias, real* y) {
  if (!cudnn_) return std::nullopt;
  return attempt([&] { return Cudnn::conv2d_bias_relu(cudnn_, s, precision, x, w, bias, y); });
}

std::optional<Ruler> Rulers::batch_norm_relu(const kernels::NormShape& s, int64_t images, const real* g, const real* x,
                                             real* result) {
  if (!onednn_) return std::nullopt;
  return attempt([&] { return OneDnn::batch_norm(onednn_, s, images, g, x, result); });
}

}  // namespace erg::tools
