// Rung 4: memory in the order of use. Weights are copied once, those of sixteen channels together, in the order in
// which the tile's loop reads them: one stream, of which every line is used whole and the next can be foreseen; and
// they serve all pixels before the next sixteen come. x is copied with its padding: no pixel is outside any more, and
// the taps of a kernel row are one run of kw * ci terms, for which six pointers are set once.
//
// Both copies are of all there is. A padded batch does not fit the second-level cache, from which it is read once for
// every sixteen channels.
#include <algorithm>

#include "register_tile.h"

namespace erg::ladder {

namespace {

struct Padded {
  int64_t line, image;  // reals
  explicit Padded(const ConvShape& s) : line((s.w + 2 * int64_t(s.pad)) * s.ci), image((s.h + 2 * s.pad) * line) {}
};

int64_t tiles_of(int channels) { return (channels + tile_channels - 1) / tile_channels; }
int64_t packed_size(const ConvShape& s) { return tiles_of(s.co) * s.kh * s.kw * s.ci * tile_channels; }

/// [co / tile_channels][kh][kw][ci][tile_channels], zeros beyond the last channel.
void pack_weights(const ConvShape& s, const real* w, real* packed) {
  for (int first = 0; first < s.co; first += tile_channels)
    for (int64_t term = 0; term < int64_t(s.kh) * s.kw * s.ci; ++term)
      for (int o = first; o < first + tile_channels; ++o) *packed++ = o < s.co ? w[term * s.co + o] : 0;
}

/// [n][h + 2 pad][w + 2 pad][ci]
void pad_images(const ConvShape& s, const real* x, real* padded) {
  const Padded size(s);
  std::fill_n(padded, s.n * size.image, real(0));
  for (int n = 0; n < s.n; ++n)
    for (int row = 0; row < s.h; ++row)
      std::copy_n(x_at(s, x, n, row, 0), int64_t(s.w) * s.ci,
                  padded + n * size.image + (row + s.pad) * size.line + int64_t(s.pad) * s.ci);
}

/// in[i] is where the window of pixel i begins, `line` the length of a padded row.
void compute_tile(const ConvShape& s, const real* const (&in)[tile_pixels], int64_t line, const real* w,
                  real (&out)[tile_pixels][tile_channels]) {
  const int64_t run = int64_t(s.kw) * s.ci;
  Tile sum = {};
  for (int ky = 0; ky < s.kh; ++ky) {
    const real* row[tile_pixels];
    for (int i = 0; i < tile_pixels; ++i) row[i] = in[i] + ky * line;
    for (int64_t term = 0; term < run; ++term, w += tile_channels) add_term(row, term, w, sum);
  }
  store_tile(sum, out);
}

}  // namespace

int64_t conv_4_packed_workspace(const ConvShape& s) { return packed_size(s) + s.n * Padded(s).image; }

void conv_4_packed(const Stream&, const ConvShape& s, const real* x, const real* w, real* workspace, real* y) {
  real* padded = workspace + packed_size(s);
  pack_weights(s, w, workspace);
  pad_images(s, x, padded);
  const Padded size(s);
  const int64_t pixels = pixels_of(s);
  for (int first = 0; first < s.co; first += tile_channels) {
    const real* weights = workspace + int64_t(first) * s.kh * s.kw * s.ci;
    const int channels = std::min(tile_channels, s.co - first);
    for (int64_t pixel = 0; pixel < pixels; pixel += tile_pixels) {
      const real* in[tile_pixels];
      for (int i = 0; i < tile_pixels; ++i) {
        const Pixel at = pixel_at(s, std::min(pixel + i, pixels - 1));
        in[i] = padded + at.n * size.image + at.row * size.line + int64_t(at.column) * s.ci;
      }
      real out[tile_pixels][tile_channels];
      compute_tile(s, in, size.line, weights, out);
      for (int i = 0; i < tile_pixels && pixel + i < pixels; ++i)
        std::copy_n(out[i], channels, y + (pixel + i) * s.co + first);
    }
  }
}

}  // namespace erg::ladder
