// Convolutions of images. With at most four input channels a value of the large tensor, y or dy, takes part in a few
// dozen multiplications only, about as many as a multiprocessor does while memory delivers one. So tensor cores have
// nothing to gain; the large tensor moves sixteen bytes at a time and as few times as may be, and the multiplications,
// in fp32 whatever the precision of matrix products, find their operands in registers.
//
// The launchers of conv.h and conv_fused.h come here for the shapes served; arguments and results are those of their
// contracts.
#pragma once

#include "../conv_fused.h"

namespace erg::kernels::cuda {

/// Whether this is the way for a shape: ci from 1 to 4, kh and kw up to 5, and images that 31 bits count.
bool conv_direct_serves(const ConvShape& s);

/// y [n,oh,ow,co] = conv2d(x [n,h,w,ci], w [kh,kw,ci,co]). Requires conv_direct_serves(s). Throws Error.
void conv_direct(const Stream& stream, const ConvShape& s, const real* x, const real* w, real* y);

/// y [n,oh,ow,co] = leaky_relu(conv2d(x, w) + bias [co]) as conv2d_bias. Requires conv_direct_serves(s). Throws Error.
void conv_direct_bias(const Stream& stream, const ConvShape& s, const real* x, const real* w, const real* bias,
                      real negative_slope, real* y);

/// dx [n,h,w,ci] = conv2d_dx(dy [n,oh,ow,co], w [kh,kw,ci,co]). Requires conv_direct_serves(s). Throws Error.
void conv_direct_dx(const Stream& stream, const ConvShape& s, const real* dy, const real* w, real* dx);

/// A Langevin step of x [n,h,w,ci] by that gradient, as conv2d_dx_langevin_. Requires conv_direct_serves(s). Throws
/// Error.
void conv_direct_dx_langevin(const Stream& stream, const ConvShape& s, const real* dy, const real* w,
                             const LangevinUpdate& update, const NoiseKey& key, real* x);

}  // namespace erg::kernels::cuda
