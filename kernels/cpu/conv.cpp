// Convolution on the CPU; the work is in conv.inl and conv_dw.inl, compiled for each instruction set.
#include "../conv.h"

#include <utility>

#include "isa.h"
#include "parallel.h"

#define ERG_ISA_BODY "conv.inl"
#include "isa_expand.h"

namespace erg::kernels::cpu {

int64_t conv2d_workspace(const ConvShape& s) { ERG_ISA_CALL(conv2d_workspace, s); }
int64_t conv2d_bias_workspace(const ConvShape& s) { return conv2d_workspace(s); }
int64_t conv2d_dx_workspace(const ConvShape& s) { ERG_ISA_CALL(conv2d_dx_workspace, s); }
int64_t conv2d_dw_workspace(const ConvShape& s) { ERG_ISA_CALL(conv2d_dw_workspace, s); }

void conv2d(const Stream&, const ConvShape& s, const real* x, const real* w, real* workspace, real* y) {
  ERG_ISA_CALL(conv2d, s, x, w, workspace, y);
}

void conv2d_bias(const Stream&, const ConvShape& s, const real* x, const real* w, const real* bias, real negative_slope,
                 real* workspace, real* y) {
  ERG_ISA_CALL(conv2d_bias, s, x, w, bias, negative_slope, workspace, y);
}

void conv2d_dx(const Stream&, const ConvShape& s, const real* dy, const real* w, real* workspace, real* dx) {
  ERG_ISA_CALL(conv2d_dx, s, dy, w, workspace, dx);
}

void conv2d_dw(const Stream&, const ConvShape& s, const real* x, const real* dy, real* workspace, real* dw) {
  ERG_ISA_CALL(conv2d_dw, s, x, dy, workspace, dw);
}

}  // namespace erg::kernels::cpu
