// Rung 2: output channels innermost. They are neighbours in y and in w, and their sums do not depend on each other: the
// compiler makes vectors of the innermost loop by itself.
//
// What now limits it is what a multiply-add of eight floats has to fetch: eight weights, and eight sums that it stores
// again at once. Every pixel reads all the weights anew, from the second- or third-level cache, which deliver 32 bytes
// a cycle at best: that is one multiply-add, where the core could do two.
#include "ladder.h"

namespace erg::ladder {

namespace {

/// y[o] += x * w[o]
void add_product(int channels, real x, const real* __restrict w, real* __restrict y) {
  for (int o = 0; o < channels; ++o) y[o] += x * w[o];
}

}  // namespace

void conv_2_channels(const Stream&, const ConvShape& s, const real* x, const real* w, real*, real* y) {
  for (int n = 0; n < s.n; ++n)
    for (int oy = 0; oy < y_rows(s); ++oy)
      for (int ox = 0; ox < y_columns(s); ++ox, y += s.co) {
        for (int o = 0; o < s.co; ++o) y[o] = 0;
        for (int ky = 0; ky < s.kh; ++ky)
          for (int kx = 0; kx < s.kw; ++kx) {
            const real* in = x_at(s, x, n, oy - s.pad + ky, ox - s.pad + kx);
            if (!in) continue;
            for (int c = 0; c < s.ci; ++c) add_product(s.co, in[c], w_at(s, w, ky, kx, c), y);
          }
      }
}

}  // namespace erg::ladder
