// Rung 1: the formula. Seven loops in the order in which one reads the sum; its terms are added one after the other.
//
// Each multiply-add waits for the one before it, four cycles on most processors, while two could begin in every cycle
// and do eight floats each: one part in 64 of what the core can do. The compiler may not help: to reorder a sum of
// floats changes its rounding.
#include "ladder.h"

namespace erg::ladder {

void conv_1_formula(const Stream&, const ConvShape& s, const real* x, const real* w, real*, real* y) {
  for (int n = 0; n < s.n; ++n)
    for (int oy = 0; oy < y_rows(s); ++oy)
      for (int ox = 0; ox < y_columns(s); ++ox)
        for (int co = 0; co < s.co; ++co) {
          real sum = 0;
          for (int ky = 0; ky < s.kh; ++ky)
            for (int kx = 0; kx < s.kw; ++kx) {
              const real* in = x_at(s, x, n, oy - s.pad + ky, ox - s.pad + kx);
              if (!in) continue;
              for (int c = 0; c < s.ci; ++c) sum += in[c] * w_at(s, w, ky, kx, c)[co];
            }
          *y++ = sum;
        }
}

}  // namespace erg::ladder
