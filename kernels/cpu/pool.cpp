// Average pooling and upsampling on the CPU. Both are bound by memory, not arithmetic, so that plain loops over the
// channels, which lie side by side, are enough; they are compiled apart for images of one and of three channels, where
// such a loop is too short to be worth setting up.
#include "../pool.h"

#include <algorithm>

#include "parallel.h"

namespace erg::kernels::cpu {

namespace {

constexpr int64_t task_elements = 32768;

/// One coarse row from the k fine rows at x, added in the order of memory.
ERG_HD void average_row(int w, int c, int k, const real* x, real* __restrict y) {
  const int64_t fine_row = int64_t(w) * k * c;
  for (int column = 0; column < w; ++column, x += int64_t(k) * c, y += c) {
    for (int i = 0; i < c; ++i) y[i] = 0;
    for (int dy = 0; dy < k; ++dy)
      for (int dx = 0; dx < k; ++dx)
        for (int i = 0; i < c; ++i) y[i] += x[dy * fine_row + int64_t(dx) * c + i];
    for (int i = 0; i < c; ++i) y[i] /= real(k * k);
  }
}

/// The first of the k fine rows of one coarse row: every pixel k times.
ERG_HD void repeat_pixels(int w, int c, int k, const real* x, real* __restrict y) {
  for (int column = 0; column < w; ++column, x += c)
    for (int dx = 0; dx < k; ++dx, y += c)
      for (int i = 0; i < c; ++i) y[i] = x[i];
}

/// Calls body(row) for the coarse rows of all images.
template <class F>
void for_coarse_rows(const PoolShape& s, const F& body) {
  const int64_t row_elements = std::max<int64_t>(1, int64_t(s.w) * s.c * s.k * s.k);
  parallel_for(int64_t(s.n) * s.h, std::max<int64_t>(1, task_elements / row_elements), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

}  // namespace

void avg_pool(const Stream&, const PoolShape& s, const real* x, real* y) {
  const int64_t coarse_row = int64_t(s.w) * s.c, fine_rows = coarse_row * s.k * s.k;
  for_coarse_rows(s, [&](int64_t row) {
    const real* from = x + row * fine_rows;
    real* to = y + row * coarse_row;
    if (s.c == 1) return average_row(s.w, 1, s.k, from, to);
    if (s.c == 3) return average_row(s.w, 3, s.k, from, to);
    average_row(s.w, s.c, s.k, from, to);
  });
}

void upsample(const Stream&, const PoolShape& s, const real* x, real* y) {
  const int64_t coarse_row = int64_t(s.w) * s.c, fine_row = coarse_row * s.k;
  for_coarse_rows(s, [&](int64_t row) {
    const real* from = x + row * coarse_row;
    real* to = y + row * fine_row * s.k;
    if (s.c == 1) {
      repeat_pixels(s.w, 1, s.k, from, to);
    } else if (s.c == 3) {
      repeat_pixels(s.w, 3, s.k, from, to);
    } else {
      repeat_pixels(s.w, s.c, s.k, from, to);
    }
    for (int dy = 1; dy < s.k; ++dy) std::copy(to, to + fine_row, to + dy * fine_row);
  });
}

}  // namespace erg::kernels::cpu
