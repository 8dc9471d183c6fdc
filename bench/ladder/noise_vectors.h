// What rungs 4 and 5 share: from the words of 256 blocks to their normals, and the step that uses them, by loops that
// the compiler makes vectors of.
//
// A loop becomes vectors if its iterations are alike: no branches, no calls, no tables. So the mathematics is that of
// kernels/math.h, polynomials and bit work, and each loop does one thing with all blocks of a part. Short loops also
// keep the core busy: it overlaps many iterations of a short formula, but only few of a long one.
#pragma once

#include <algorithm>

#include "kernels/philox.h"
#include "ladder.h"

namespace erg::ladder {

constexpr int part_blocks = 256, part_size = 4 * part_blocks;

/// Word j of block b is at word[j][b]: words that are treated alike lie side by side.
struct Words {
  alignas(64) uint32_t word[4][part_blocks];
};

/// N(0, 1) for the elements of the blocks, in their order.
inline void make_normals(const Words& words, real (&z)[part_size]) {
  alignas(64) real value[4][part_blocks];
  for (int j = 0; j < 4; j += 2) {
    alignas(64) real log_u[part_blocks];
    for (int b = 0; b < part_blocks; ++b) log_u[b] = philox::log_unit<real>(words.word[j][b]);
    for (int b = 0; b < part_blocks; ++b) {
      const auto pair = philox::normal_pair(log_u[b], words.word[j + 1][b]);
      value[j][b] = pair.first;
      value[j + 1][b] = pair.second;
    }
  }
  for (int b = 0; b < part_blocks; ++b)
    for (int j = 0; j < 4; ++j) z[4 * b + j] = value[j][b];
}

/// A step of n <= part_size elements with noise z, which is still in the first-level cache. The update comes by value:
/// what is behind a reference could change with each x[i].
inline void move_part(LangevinUpdate s, int64_t n, const real* __restrict g, const real* __restrict z,
                      real* __restrict x) {
  for (int64_t i = 0; i < n; ++i) {
    const real moved = x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip);
    x[i] = math::clamp(moved + s.noise * z[i], s.low, s.high);
  }
}

/// The whole step; draw(block, words) scrambles part_blocks blocks from `block` on.
template <class Draw>
void step_by_parts(const LangevinUpdate& s, int64_t n, const real* g, real* x, const Draw& draw) {
  for (int64_t first = 0; first < n; first += part_size) {
    Words words;
    draw(uint64_t(first / 4), words);
    alignas(64) real z[part_size];
    make_normals(words, z);
    move_part(s, std::min<int64_t>(part_size, n - first), g + first, z, x + first);
  }
}

}  // namespace erg::ladder
