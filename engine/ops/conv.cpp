// The convolution triad as operations. With y = conv2d(x, w), each of conv2d, conv2d_dx and conv2d_dw is bilinear, and
// its two VJPs are the other two.
#include "../../kernels/conv_fused.h"

#include <limits>
#include <stdexcept>

#include "../map.h"
#include "../ops.h"
#include "../tape.h"
#include "norm.h"

namespace erg {

namespace {

using kernels::ConvShape;

/// The geometry of y = conv2d(x, w), with everything checked.
ConvShape conv_shape(const char* op, const Shape& x, const Shape& w, int stride, int pad) {
  const auto fail = [&](const std::string& why) {
    throw std::invalid_argument("[" + std::string(op) + "] image " + to_string(x) + ", weights " + to_string(w) +
                                ", stride " + std::to_string(stride) + ", pad " + std::to_string(pad) + ": " + why);
  };
  if (x.rank() != 4 || w.rank() != 4) fail("want [N,H,W,C] and [Kh,Kw,Ci,Co]");
  if (x[3] != w[2]) fail("channels differ");
  if (w[0] < 1 || w[1] < 1) fail("the kernel is empty");
  if (stride < 1 || pad < 0) fail("want stride >= 1 and pad >= 0");
  if (x[1] + 2 * pad < w[0] || x[2] + 2 * pad < w[1]) fail("the kernel is larger than the padded image");
  for (const Shape* s : {&x, &w})
    for (int64_t d : *s)
      if (d > std::numeric_limits<int>::max()) fail("an extent does not fit 32 bits");
  return {int(x[0]), int(x[1]), int(x[2]), int(x[3]), int(w[3]), int(w[0]), int(w[1]), stride, pad};
}

void check_output(const char* op, const ConvShape& s, const Shape& y) {
  const Shape expected{s.n, s.oh(), s.ow(), s.co};
  if (!(y == expected))
    throw std::invalid_argument("[" + std::string(op) + "] got " + to_string(y) + " where this geometry gives " +
                                to_string(expected));
}

/// The kernel's result; `more` are its arguments after the two tensors.
template <class KernelType, class Workspace, class... More>
Tensor launch(const KernelType& kernel, const Workspace& workspace_of, const ConvShape& s, const Tensor& a,
              const Tensor& b, const Shape& result, More... more) {
  Tensor y = Tensor::empty(result, a.device());
  Tensor workspace = Tensor::empty({workspace_of(a.device(), s)}, a.device());
  kernel(stream_of(a), s, a.data(), b.data(), more..., workspace.mutate(), y.mutate());
  return y;
}

/// y, recorded as the result of a convolution of x and w.
template <class... More>
Tensor record_conv2d(const char* op, const Tensor& y, const ConvShape& s, const Tensor& x, const Tensor& w,
                     More&&... more) {
  return record(op, y,  //
                From{x, [s, w = Saved(w)](const Tensor& g) { return conv2d_dx(g, w(), s.stride, s.pad, s.h, s.w); }},
                From{w, [s, x = Saved(x)](const Tensor& g) { return conv2d_dw(x(), g, s.stride, s.pad, s.kh, s.kw); }},
                std::forward<More>(more)...);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, int stride, int pad) {
  const ConvShape s = conv_shape("conv2d", x.shape(), w.shape(), stride, pad);
  Tensor y = launch(kernels::conv2d, kernels::conv2d_workspace, s, x, w, {s.n, s.oh(), s.ow(), s.co});
  return record_conv2d("conv2d", y, s, x, w);
}

Tensor conv2d_bias(const Tensor& x, const Tensor& w, const Tensor& bias, int stride, int pad, real negative_slope) {
  const ConvShape s = conv_shape("conv2d_bias", x.shape(), w.shape(), stride, pad);
  if (!(bias.shape() == Shape{s.co}))
    throw std::invalid_argument("[conv2d_bias] weights " + to_string(w.shape()) + ", bias " + to_string(bias.shape()) +
                                ": want a bias of shape " + to_string(Shape{s.co}));
  if (!(negative_slope >= 0))
    throw std::invalid_argument("[conv2d_bias] the slope must not be negative, got " + std::to_string(negative_slope));
  const Tensor y = launch(kernels::conv2d_bias, kernels::conv2d_bias_workspace, s, x, w, {s.n, s.oh(), s.ow(), s.co},
                          bias.data(), negative_slope);
  // The tape sees the activation as an operation of its own. Its derivative is told by its output, so that nobody ever
  // reads its input: that node needs no value, and y's stands in for it.
  const From to_bias{bias, [shape = bias.shape()](const Tensor& g) { return sum_to(g, shape); }};
  if (negative_slope == 1) return record_conv2d("conv2d_bias", y, s, x, w, to_bias);
  const detail::Inputs<functors::LeakyRelu> before{record_conv2d("conv2d_bias", y.detach(), s, x, w, to_bias)};
  const auto activated = [&](const auto& f) { return record(f.name, y, detail::vjp_of<0>(f, before, y)); };
  return negative_slope == 0 ? activated(functors::Relu{}) : activated(functors::LeakyRelu{negative_slope});
}

namespace {

/// The geometry of conv2d_dx(y, w), with everything checked.
ConvShape conv_dx_shape(const char* op, const Tensor& y, const Tensor& w, int stride, int pad, int64_t height,
                        int64_t width) {
  if (y.rank() != 4 || w.rank() != 4 || height < 0 || width < 0)
    throw std::invalid_argument("[" + std::string(op) + "] " + to_string(y.shape()) + ", weights " +
                                to_string(w.shape()) + ", to " + std::to_string(height) + " x " +
                                std::to_string(width) + ": want [N,Oh,Ow,Co], [Kh,Kw,Ci,Co] and extents of an image");
  const ConvShape s = conv_shape(op, {y.dim(0), height, width, w.dim(2)}, w.shape(), stride, pad);
  check_output(op, s, y.shape());
  return s;
}

Tensor record_conv2d_dx(const Tensor& x, const ConvShape& s, const Tensor& y, const Tensor& w) {
  return record("conv2d_dx", x,  //
                From{y, [s, w = Saved(w)](const Tensor& g) { return conv2d(g, w(), s.stride, s.pad); }},
                From{w, [s, y = Saved(y)](const Tensor& g) { return conv2d_dw(g, y(), s.stride, s.pad, s.kh, s.kw); }});
}

}  // namespace

Tensor conv2d_dx(const Tensor& y, const Tensor& w, int stride, int pad, int64_t height, int64_t width) {
  const ConvShape s = conv_dx_shape("conv2d_dx", y, w, stride, pad, height, width);
  const Tensor x = launch(kernels::conv2d_dx, kernels::conv2d_dx_workspace, s, y, w, {s.n, s.h, s.w, s.ci});
  return record_conv2d_dx(x, s, y, w);
}

Tensor conv2d_dw(const Tensor& x, const Tensor& y, int stride, int pad, int64_t kh, int64_t kw) {
  if (x.rank() != 4 || y.rank() != 4 || kh < 1 || kw < 1)
    throw std::invalid_argument("[conv2d_dw] " + to_string(x.shape()) + " and " + to_string(y.shape()) + " to " +
                                std::to_string(kh) + " x " + std::to_string(kw) +
                                " weights: want [N,H,W,Ci], [N,Oh,Ow,Co] and extents of a kernel");
  const ConvShape s = conv_shape("conv2d_dw", x.shape(), {kh, kw, x.dim(3), y.dim(3)}, stride, pad);
  check_output("conv2d_dw", s, y.shape());
  const Tensor w = launch(kernels::conv2d_dw, kernels::conv2d_dw_workspace, s, x, y, {s.kh, s.kw, s.ci, s.co});
  return record("conv2d_dw", w,  //
                From{x, [s, y = Saved(y)](const Tensor& g) { return conv2d_dx(y(), g, s.stride, s.pad, s.h, s.w); }},
                From{y, [s, x = Saved(x)](const Tensor& g) { return conv2d(x(), g, s.stride, s.pad); }});
}

// ---- With the batch norm that follows. The kernel does both at once; the tape sees the two operations that they are.

namespace {

struct ConvBatchNorm {
  Tensor conv, mean, rstd, y;
};

template <class KernelType, class Workspace>
ConvBatchNorm launch_batch_norm(const KernelType& kernel, const Workspace& workspace_of, const ConvShape& s,
                                const kernels::NormShape& norm, const Tensor& a, const Tensor& w, const Shape& result,
                                const Tensor& gamma, const Tensor& beta) {
  const Device device = a.device();
  ConvBatchNorm to{Tensor::empty(result, device), Tensor::empty({norm.channels}, device),
                   Tensor::empty({norm.channels}, device), Tensor::empty(result, device)};
  Tensor workspace = Tensor::empty({workspace_of(device, s)}, device);
  kernel(stream_of(a), s, norm.epsilon, norm.negative_slope, a.data(), w.data(), gamma.data(), beta.data(),
         workspace.mutate(), to.conv.mutate(), to.mean.mutate(), to.rstd.mutate(), to.y.mutate());
  return to;
}

}  // namespace

BatchNormResult conv2d_batch_norm(const Tensor& x, const Tensor& w, const Tensor& gamma, const Tensor& beta, int stride,
                                  int pad, real epsilon, real negative_slope) {
  const ConvShape s = conv_shape("conv2d_batch_norm", x.shape(), w.shape(), stride, pad);
  const Shape result{s.n, s.oh(), s.ow(), s.co};
  detail::check_batch_norm("conv2d_batch_norm", result, gamma, beta, negative_slope);
  const kernels::NormShape norm = kernels::norm_after_conv2d(s, epsilon, negative_slope);
  const ConvBatchNorm t = launch_batch_norm(kernels::conv2d_batch_norm, kernels::conv2d_batch_norm_workspace, s, norm,
                                            x, w, result, gamma, beta);
  const Tensor conv = record_conv2d("conv2d", t.conv, s, x, w);
  return detail::record_batch_norm(norm, conv, gamma, beta, t.mean, t.rstd, t.y);
}

BatchNormResult conv2d_dx_batch_norm(const Tensor& y, const Tensor& w, const Tensor& gamma, const Tensor& beta,
                                     int stride, int pad, int64_t height, int64_t width, real epsilon,
                                     real negative_slope) {
  const ConvShape s = conv_dx_shape("conv2d_dx_batch_norm", y, w, stride, pad, height, width);
  const Shape result{s.n, s.h, s.w, s.ci};
  detail::check_batch_norm("conv2d_dx_batch_norm", result, gamma, beta, negative_slope);
  const kernels::NormShape norm = kernels::norm_after_conv2d_dx(s, epsilon, negative_slope);
  const ConvBatchNorm t = launch_batch_norm(kernels::conv2d_dx_batch_norm, kernels::conv2d_dx_batch_norm_workspace, s,
                                            norm, y, w, result, gamma, beta);
  const Tensor conv = record_conv2d_dx(t.conv, s, y, w);
  return detail::record_batch_norm(norm, conv, gamma, beta, t.mean, t.rstd, t.y);
}

}  // namespace erg
