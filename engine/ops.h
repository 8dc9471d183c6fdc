// Every operation on tensors. Each validates its shapes (std::invalid_argument, "[op] ..." with the shapes named),
// launches a kernel, and records itself if the tape knows an input. Unless a comment says otherwise, all of them can be
// differentiated twice. x is [B,...] where a batch is meant; images are NHWC, convolution weights HWIO.
#pragma once

#include <initializer_list>
#include <limits>
#include <vector>

#include "../kernels/functors.h"
#include "tensor.h"

namespace erg {

// ---- Elementwise (ops/elementwise.cpp); the formulas are in kernels/functors.h

#define ERG_DECLARE(functor, operation, ...) Tensor operation(const Tensor& x);
/// The function of that name of each element. Of NaN it is NaN, and outside its domain, as C has it.
ERG_SMOOTH_FUNCTORS(ERG_DECLARE)  // log, log1p, softplus, silu, square, sin, cos
ERG_OUTPUT_FUNCTORS(ERG_DECLARE)  // exp, sqrt, tanh, sigmoid, reciprocal
#undef ERG_DECLARE
/// max(x, 0); the gradient at 0 is 0.
Tensor relu(const Tensor& x);
/// x above zero, negative_slope x below. Throws std::invalid_argument unless negative_slope > 0.
Tensor leaky_relu(const Tensor& x, real negative_slope);
/// x above zero, exp(x) - 1 below (Clevert et al. 2016).
Tensor elu(const Tensor& x);
/// |x|; the gradient at 0 is 1.
Tensor abs(const Tensor& x);
/// min(max(x, low), high); the gradient is that of x inside and zero outside.
Tensor clamp(const Tensor& x, real low, real high);
/// The larger and the smaller of the two; where they are equal the gradient goes to a.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

// ---- Arithmetic with broadcasting (ops/arithmetic.cpp)

/// a + b, a - b, a * b, a / b. Shapes broadcast as in NumPy; std::invalid_argument where they do not.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
/// scale * x + shift
Tensor affine(const Tensor& x, real scale, real shift);

// clang-format off
/// The same as operators; a number stands for a tensor of it.
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& x, real c) { return affine(x, 1, c); }
inline Tensor operator+(real c, const Tensor& x) { return affine(x, 1, c); }
inline Tensor operator-(const Tensor& x, real c) { return affine(x, 1, -c); }
inline Tensor operator-(real c, const Tensor& x) { return affine(x, -1, c); }
inline Tensor operator*(const Tensor& x, real c) { return affine(x, c, 0); }
inline Tensor operator*(real c, const Tensor& x) { return affine(x, c, 0); }
inline Tensor operator/(const Tensor& x, real c) { return affine(x, 1 / c, 0); }
inline Tensor operator-(const Tensor& x) { return affine(x, -1, 0); }
// clang-format on

// ---- Reductions (ops/reduce.cpp)

/// Sums the dimensions in which x was broadcast, so that the result has `shape`; the gradient of broadcast_to.
Tensor sum_to(const Tensor& x, const Shape& shape);
/// Repeats x along the dimensions in which `shape` is larger; the gradient of sum_to.
Tensor broadcast_to(const Tensor& x, const Shape& shape);
/// The sum and the mean of all elements: [].
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
/// The sum over everything but the first dimension: [B,...] -> [B].
Tensor sum_per_sample(const Tensor& x);
/// The largest element of each sample, and log sum exp over a sample's elements, which never overflows: [B,...] -> [B].
/// Where several are largest, the gradient of the maximum goes to one of them. Throws if a sample has no elements.
Tensor max_per_sample(const Tensor& x);
Tensor logsumexp_per_sample(const Tensor& x);

// ---- Linear algebra (ops/linear.cpp)

/// op(a) op(b), with a of [m,k] ([k,m] if transpose_a) and b of [k,n] ([n,k] if transpose_b).
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

// ---- Convolution (ops/conv.cpp)

/// x [N,H,W,Ci], w [Kh,Kw,Ci,Co] -> [N, (H+2 pad-Kh)/stride+1, (W+2 pad-Kw)/stride+1, Co]
Tensor conv2d(const Tensor& x, const Tensor& w, int stride = 1, int pad = 0);
/// leaky_relu(conv2d(x, w) + bias) as one kernel, bias [Co]; a negative slope of 1 leaves the activation out, 0 is
/// ReLU. Throws if the slope is negative.
Tensor conv2d_bias(const Tensor& x, const Tensor& w, const Tensor& bias, int stride, int pad, real negative_slope = 1);
/// The gradient of conv2d in x, as an operation: y [N,Oh,Ow,Co], w [Kh,Kw,Ci,Co] -> [N,height,width,Ci].
/// This is the transposed convolution of a generator. Throws if conv2d of the result would not have y's extents.
Tensor conv2d_dx(const Tensor& y, const Tensor& w, int stride, int pad, int64_t height, int64_t width);
/// The gradient of conv2d in w: x [N,H,W,Ci], y [N,Oh,Ow,Co] -> [kh,kw,Ci,Co].
Tensor conv2d_dw(const Tensor& x, const Tensor& y, int stride, int pad, int64_t kh, int64_t kw);

// ---- Pooling (ops/pool.cpp)

/// Mean over k x k blocks: [N,H,W,C] -> [N,H/k,W/k,C]. H and W must be divisible by k.
Tensor avg_pool(const Tensor& x, int k);
/// Nearest-neighbour: [N,H,W,C] -> [N,H*k,W*k,C].
Tensor upsample(const Tensor& x, int k);

// ---- Normalisation (ops/norm.cpp)

/// What batch normalisation makes of a batch.
struct BatchNormResult {
  Tensor y;
  Tensor mean, rstd;  // [C], of this batch: rstd = 1 / sqrt(var + epsilon). Not recorded: for the running statistics
};
/// Batch normalisation with the batch's own statistics over all but the last dimension; gamma and beta are [C]. Below
/// zero the result is multiplied by negative_slope: the leaky ReLU that follows most of these, or at 0 the ReLU. One
/// fused kernel each way; a composite of other operations where the sweep itself is recorded. Throws
/// std::invalid_argument unless negative_slope >= 0.
BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, real epsilon,
                           real negative_slope = 1);
/// batch_norm(conv2d(x, w), ...) and batch_norm(conv2d_dx(y, w, ...), ...), in kernels that take the statistics as the
/// convolution writes its result. A bias before them would change nothing but `mean`, and is left out.
BatchNormResult conv2d_batch_norm(const Tensor& x, const Tensor& w, const Tensor& gamma, const Tensor& beta, int stride,
                                  int pad, real epsilon, real negative_slope = 1);
BatchNormResult conv2d_dx_batch_norm(const Tensor& y, const Tensor& w, const Tensor& gamma, const Tensor& beta,
                                     int stride, int pad, int64_t height, int64_t width, real epsilon,
                                     real negative_slope = 1);
/// Normalisation over all but the first dimension, per sample, without scale and shift (Ba et al. 2016).
Tensor layer_norm(const Tensor& x, real epsilon);

// ---- Moving data (ops/move.cpp)

/// The same elements, in the same order, under another shape of that size. Copies nothing.
Tensor reshape(const Tensor& x, const Shape& shape);
/// [B,...] -> [B, rest]
Tensor flatten(const Tensor& x);
/// Joins tensors along an axis; the other extents must agree.
Tensor concat(const std::vector<Tensor>& parts, int axis);
/// Elements [begin, end) of an axis.
Tensor slice(const Tensor& x, int axis, int64_t begin, int64_t end);
/// Places x at element `begin` of an axis of extent `extent`, zeros elsewhere: the gradient of slice.
Tensor place(const Tensor& x, int axis, int64_t begin, int64_t extent);
/// Zeros around the two spatial dimensions of an image, and away with such a margin again.
Tensor pad(const Tensor& x, int margin);
Tensor crop(const Tensor& x, int margin);
/// Dimension i of the result is dimension order[i] of x.
Tensor permute(const Tensor& x, const std::vector<int>& order);

}  // namespace erg
