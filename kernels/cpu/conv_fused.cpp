// Fused convolutions on the CPU. Its caches are large beside what a convolution writes in one go, so that the second
// pass finds most of it there: each is two kernels in a row.
#include "../conv_fused.h"

#include <algorithm>

namespace erg::kernels::cpu {

int64_t conv2d_batch_norm_workspace(const ConvShape& s) {
  return std::max(conv2d_workspace(s), batch_norm_workspace(norm_after_conv2d(s)));
}

void conv2d_batch_norm(const Stream& stream, const ConvShape& s, real epsilon, real negative_slope, const real* x,
                       const real* w, const real* gamma, const real* beta, real* workspace, real* conv, real* mean,
                       real* rstd, real* y) {
  conv2d(stream, s, x, w, workspace, conv);
  batch_norm(stream, norm_after_conv2d(s, epsilon, negative_slope), conv, gamma, beta, workspace, mean, rstd, y);
}

int64_t conv2d_dx_batch_norm_workspace(const ConvShape& s) {
  return std::max(conv2d_dx_workspace(s), batch_norm_workspace(norm_after_conv2d_dx(s)));
}

void conv2d_dx_batch_norm(const Stream& stream, const ConvShape& s, real epsilon, real negative_slope, const real* dy,
                          const real* w, const real* gamma, const real* beta, real* workspace, real* dx, real* mean,
                          real* rstd, real* y) {
  conv2d_dx(stream, s, dy, w, workspace, dx);
  batch_norm(stream, norm_after_conv2d_dx(s, epsilon, negative_slope), dx, gamma, beta, workspace, mean, rstd, y);
}

int64_t conv2d_dx_langevin_workspace(const ConvShape& s) { return s.x_size() + conv2d_dx_workspace(s); }

void conv2d_dx_langevin_(const Stream& stream, const ConvShape& s, const real* dy, const real* w,
                         const LangevinUpdate& update, const NoiseKey& key, real* workspace, real* x) {
  real* const gradient = workspace;
  conv2d_dx(stream, s, dy, w, workspace + s.x_size(), gradient);
  langevin_(stream, update, key, s.x_size(), gradient, x);
}

}  // namespace erg::kernels::cpu
