// The ladder: one kernel written several times, each time with one more idea, up to the library's own. README.md tells
// the story; a rung is one file that can be read alone.
//
// All rungs compute what the contracts in kernels/conv.h and kernels/update.h say, on contiguous memory that begins at
// a multiple of 64 bytes; to keep them short, convolutions have stride 1 and a Langevin step is that of a whole draw,
// key.first = 0, with noise. Rungs of the CPU use one thread.
#pragma once

#include <vector>

#include "kernels/conv.h"
#include "kernels/update.h"

namespace erg::ladder {

using kernels::ConvShape;
using kernels::LangevinUpdate;
using kernels::NoiseKey;

/// y = conv2d(x, w). x is [n,h,w,ci], w [kh,kw,ci,co], y [n,oh,ow,co].
using Conv = void(const Stream&, const ConvShape& s, const real* x, const real* w, real* workspace, real* y);
/// x[i] <- clamp(x[i] - drift * clip(g[i]) + noise * xi[i]) for i < n.
using Langevin = void(const Stream&, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g,
                      real* workspace, real* x);

struct ConvRung {
  const char *name, *idea;
  Conv* run;
  int64_t (*workspace)(const ConvShape&);  // reals
  bool tensor_cores = false;               // whether products are of tf32 numbers, unless ERG_PRECISION says otherwise
};

struct LangevinRung {
  const char *name, *idea;
  Langevin* run;
  int64_t (*workspace)(int64_t n);  // reals
  bool own_noise = false;           // whether its normals are others than the library's
};

/// From the first rung to the library's kernel; none where this build has no such device.
std::vector<ConvRung> conv_rungs(Device::Kind device);
std::vector<LangevinRung> langevin_rungs(Device::Kind device);

/// Whether this CPU has the instructions that the CPU's rungs were compiled for (ladder.cmake).
bool cpu_has_rungs_instructions();

// ---- Where things lie

/// Pixel (row, column) of image n of x, from its channel 0 on; null in the padding.
ERG_HD const real* x_at(const ConvShape& s, const real* x, int n, int row, int column) {
  const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
  return inside ? x + ((int64_t(n) * s.h + row) * s.w + column) * s.ci : nullptr;
}

/// What tap (ky, kx) does with channel c of its pixel: one weight for each channel of y.
ERG_HD const real* w_at(const ConvShape& s, const real* w, int ky, int kx, int c) {
  return w + ((int64_t(ky) * s.kw + kx) * s.ci + c) * s.co;
}

/// Rows and columns of y at stride 1.
ERG_HD int y_rows(const ConvShape& s) { return s.h + 2 * s.pad - s.kh + 1; }
ERG_HD int y_columns(const ConvShape& s) { return s.w + 2 * s.pad - s.kw + 1; }

/// Pixels of y, of all images, are numbered in a row: this is where number `pixel` is.
struct Pixel {
  int n, row, column;
};
ERG_HD int64_t pixels_of(const ConvShape& s) { return int64_t(s.n) * y_rows(s) * y_columns(s); }
ERG_HD Pixel pixel_at(const ConvShape& s, int64_t pixel) {
  const int64_t line = pixel / y_columns(s);
  return {int(line / y_rows(s)), int(line % y_rows(s)), int(pixel % y_columns(s))};
}

// ---- The rungs, each in the file of its name

Conv conv_1_formula, conv_2_channels, conv_3_registers, conv_4_packed;
int64_t conv_3_registers_workspace(const ConvShape& s);
int64_t conv_4_packed_workspace(const ConvShape& s);

Langevin langevin_1_std, langevin_2_counter, langevin_3_block, langevin_4_vectors, langevin_5_products;

Conv conv_cuda_1_element, conv_cuda_2_shared, conv_cuda_3_registers, conv_cuda_4_stages;

Langevin langevin_cuda_1_passes, langevin_cuda_2_fused, langevin_cuda_3_fours;

}  // namespace erg::ladder
