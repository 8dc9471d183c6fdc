// Strided copies on the device. A box in canonical form (canonical_box.h) is copied in one of two ways:
//
//   copy_elements   along y's memory, so that what a warp writes lies together. Where runs allow it, an "element" is
//   four
//                   reals, and the box has a quarter of the columns;
//   copy_tiles      where x lies across, in squares that pass through shared memory: a warp reads along x's lines and
//                   writes along y's.
#include "../canonical_box.h"
#include "index.cuh"
#include "vector.cuh"

namespace erg::kernels::cuda {

namespace {

/// A box that is walked element by element; strides are those of RowMajor's dimensions.
template <class Index>
struct Walk {
  RowMajor<Index, 4> box;
  Index count;
  Index from[4] = {}, to[4] = {};

  explicit Walk(const CanonicalBox& b) : count(Index(b.size())) {
    int first = 0;
    int64_t dims[4];
    while (first < 3 && b.d[first].size == 1) ++first;
    for (int d = first; d < 4; ++d) dims[d - first] = b.d[d].size;
    box = RowMajor<Index, 4>(4 - first, dims);
    for (int d = first; d < 4; ++d) {
      from[box.place(d - first)] = Index(b.d[d].from);
      to[box.place(d - first)] = Index(b.d[d].to);
    }
  }
};

/// Each thread reads several elements before it writes the first: while one is waited for, the others are under way.
template <class Index, class T>
__global__ void __launch_bounds__(walk_threads) copy_elements(Walk<Index> walk, const T* x, T* y) {
  constexpr int together = 4;
  for (int64_t first = thread_index(); first < walk.count; first += together * thread_count()) {
    T value[together];
    Index to[together];
    for (int k = 0; k < together; ++k)
      if (const int64_t element = first + k * thread_count(); element < walk.count) {
        value[k] = x[walk.box.position(Index(element), walk.from)];
        to[k] = walk.box.position(Index(element), walk.to);
      }
    for (int k = 0; k < together; ++k)
      if (first + k * thread_count() < walk.count) y[to[k]] = value[k];
  }
}

/// Whether element numbers, and positions on both sides, fit an Index.
template <class Index>
bool positions_fit(const CanonicalBox& b) {
  int64_t from = 0, to = 0;
  for (const auto& d : b.d) {
    from += (d.size - 1) * std::abs(d.from);
    to += (d.size - 1) * std::abs(d.to);
  }
  return fits<Index>(std::max({b.size(), from, to}));
}

template <class T>
void launch_elements(const Stream& stream, const CanonicalBox& b, const T* x, T* y) {
  if (positions_fit<int32_t>(b)) {
    launch_walk(copy_elements<int32_t, T>, b.size(), stream, Walk<int32_t>(b), x, y);
  } else {
    launch_walk(copy_elements<int64_t, T>, b.size(), stream, Walk<int64_t>(b), x, y);
  }
}

/// Whether the box can be walked four reals at a time.
bool goes_by_fours(const CanonicalBox& b, const real* x, const real* y) {
  if (!b.has_runs() || b.column().size % 4 != 0 || !is_aligned(x) || !is_aligned(y)) return false;
  return std::all_of(b.d, b.d + 3, [](const auto& d) { return d.size == 1 || (d.from % 4 == 0 && d.to % 4 == 0); });
}

/// The same box, of elements that are four reals each.
CanonicalBox in_fours(CanonicalBox b) {
  b.d[3].size /= 4;
  for (int i = 0; i < 3; ++i) {
    b.d[i].from /= 4;
    b.d[i].to /= 4;
  }
  return b;
}

constexpr int tile_side = 32, tile_threads_down = walk_threads / tile_side;
/// A tile in shared memory: a column of it to a line, one word longer than a column is, so that neither walking along
/// nor across meets a memory bank twice.
constexpr int tile_line = tile_side + 1;
constexpr size_t tile_bytes = tile_side * tile_line * sizeof(real);

/// The tiles of a box, numbered along its dimensions; rows and columns count tiles. No device has memory for 2^31 of
/// them.
struct Tiles {
  RowMajor<int32_t, 4> box;
  int32_t count;
  CanonicalBox::Dimension d[4];  // of elements

  explicit Tiles(const CanonicalBox& b) {
    const int64_t dims[] = {b.d[0].size, b.d[1].size, ceil_div(b.d[2].size, tile_side),
                            ceil_div(b.d[3].size, tile_side)};
    box = RowMajor<int32_t, 4>(4, dims);
    count = int32_t(dims[0] * dims[1] * dims[2] * dims[3]);
    std::copy(b.d, b.d + 4, d);
  }
};

__global__ void __launch_bounds__(walk_threads) copy_tiles(Tiles tiles, const real* x, real* y) {
  ERG_SHARED(real, tile);
  const CanonicalBox::Dimension &row = tiles.d[2], &column = tiles.d[3];
  const int along = int(threadIdx.x), across = int(threadIdx.y);
  for (int64_t t = blockIdx.x; t < tiles.count; t += gridDim.x) {
    int64_t from = 0, to = 0, left[4] = {};
    tiles.box.for_each_index(int32_t(t), [&](int d, int32_t index) {
      const int64_t first = int64_t(index) * (d < 2 ? 1 : tile_side);
      from += first * tiles.d[d].from;
      to += first * tiles.d[d].to;
      left[d] = tiles.d[d].size - first;
    });
    for (int c = across; c < tile_side; c += tile_threads_down)
      if (along < left[2] && c < left[3]) tile[c * tile_line + along] = x[from + along * row.from + c * column.from];
    __syncthreads();
    for (int r = across; r < tile_side; r += tile_threads_down)
      if (r < left[2] && along < left[3]) y[to + r * row.to + along * column.to] = tile[along * tile_line + r];
    __syncthreads();
  }
}

void launch_tiles(const Stream& stream, const CanonicalBox& b, const real* x, real* y) {
  const Tiles tiles(b);
  launch(copy_tiles, grid_for(stream, tiles.count, 1), dim3(tile_side, tile_threads_down), tile_bytes, stream, tiles, x,
         y);
}

__global__ void __launch_bounds__(walk_threads) fill_kernel(Fours fours, real value, real* y) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count())
    store(y, fours.part(i), {{value, value, value, value}});
}

}  // namespace

void copy_box(const Stream& stream, const BoxShape& s, const real* x, real* y) {
  const CanonicalBox box(s);
  if (box.size() == 0) return;
  // A plane narrower than the 8 reals of a memory sector is as well off without tiles.
  constexpr int64_t narrow = 8;
  if (goes_by_fours(box, x, y)) {
    launch_elements(stream, in_fours(box), reinterpret_cast<const Four<real>*>(x), reinterpret_cast<Four<real>*>(y));
  } else if (box.is_transposed() && std::min(box.row().size, box.column().size) >= narrow) {
    launch_tiles(stream, box, x, y);
  } else {
    launch_elements(stream, box, x, y);
  }
}

void fill(const Stream& stream, int64_t n, real value, real* y) {
  const Fours fours = fours_of(n, 0, y);
  launch_walk(fill_kernel, fours.count(), stream, fours, value, y);
}

}  // namespace erg::kernels::cuda
