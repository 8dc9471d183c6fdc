// Rung 3: sums in registers. Six neighbouring pixels by sixteen channels are computed together, so that a vector of
// weights is loaded once for six pixels and a value of x once for sixteen channels; y is written once, at the end.
//
// Weights are read where they lie: of each row of 4 co bytes the tile wants 64, a line here and a line there, which the
// prefetchers foresee badly. And nine times a tile, for every tap, it is found out where six pixels lie and whether
// they are in the image.
#include <algorithm>

#include "register_tile.h"

namespace erg::ladder {

namespace {

/// Channels [first, first + tile_channels) of pixels [pixel, pixel + count). Where there is no pixel x is `zeros`.
void compute_tile(const ConvShape& s, int64_t pixel, int count, int first, const real* x, const real* w,
                  const real* zeros, real* y) {
  Pixel at[tile_pixels];
  for (int i = 0; i < count; ++i) at[i] = pixel_at(s, pixel + i);
  Tile sum = {};
  for (int ky = 0; ky < s.kh; ++ky)
    for (int kx = 0; kx < s.kw; ++kx) {
      const real* in[tile_pixels];
      for (int i = 0; i < tile_pixels; ++i) {
        in[i] = i < count ? x_at(s, x, at[i].n, at[i].row - s.pad + ky, at[i].column - s.pad + kx) : zeros;
        if (!in[i]) in[i] = zeros;
      }
      for (int c = 0; c < s.ci; ++c) add_term(in, c, w_at(s, w, ky, kx, c) + first, sum);
    }
  real out[tile_pixels][tile_channels];
  store_tile(sum, out);
  for (int i = 0; i < count; ++i) std::copy_n(out[i], tile_channels, y + (pixel + i) * s.co + first);
}

}  // namespace

int64_t conv_3_registers_workspace(const ConvShape& s) { return s.ci; }

void conv_3_registers(const Stream& stream, const ConvShape& s, const real* x, const real* w, real* workspace,
                      real* y) {
  if (s.co < tile_channels) return conv_2_channels(stream, s, x, w, workspace, y);
  std::fill_n(workspace, s.ci, real(0));
  const int64_t pixels = pixels_of(s);
  for (int64_t pixel = 0; pixel < pixels; pixel += tile_pixels)
    for (int first = 0; first < s.co; first += tile_channels)  // the last tile of channels may overlap the one before
      compute_tile(s, pixel, int(std::min<int64_t>(tile_pixels, pixels - pixel)), std::min(first, s.co - tile_channels),
                   x, w, workspace, y);
}

}  // namespace erg::ladder
