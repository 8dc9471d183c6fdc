// Average pooling and upsampling on the device. A thread makes one element of the output, or four neighbouring channels
// of it where channels come in fours; threads side by side make elements side by side. Both are walks over boxes: the
// fine side is [n h, k, w, k, c], and the coarse one the same box without the dimensions of k.
#include "../pool.h"

#include <type_traits>

#include "index.cuh"
#include "vector.cuh"

namespace erg::kernels::cuda {

namespace {

/// The blocks of the fine side. An element is a vector of channels, of which a pixel has `pixel`.
template <class Index>
struct Blocks {
  Index count, side, pixel, fine_row;
  RowMajor<Index, 3> coarse;
  Index stride[3];  // from one block's first element to the next one's

  Blocks(const PoolShape& s, int width)
      : count(Index(s.coarse_size() / width)),
        side(s.k),
        pixel(s.c / width),
        fine_row(Index(s.w) * side * pixel),
        stride{side * fine_row, side * pixel, 1} {
    const int64_t dims[] = {int64_t(s.n) * s.h, s.w, pixel};
    coarse = RowMajor<Index, 3>(3, dims);
  }
};

/// A mean is added in the order of memory, as on the CPU. Room for five blocks a multiprocessor gives a thread the 48
/// registers it wants, and for four those it wants with long indices; left to itself the compiler makes room for eight,
/// and spills.
template <class Index, int width>
__global__ void __launch_bounds__(walk_threads, sizeof(Index) > 4 ? 4 : 5)
    avg_pool_kernel(Blocks<Index> blocks, const Vector<real, width>* x, Vector<real, width>* y) {
  for (int64_t i = thread_index(); i < blocks.count; i += thread_count()) {
    const Vector<real, width>* block = x + blocks.coarse.position(Index(i), blocks.stride);
    Vector<real, width> mean{};
    for (Index dy = 0; dy < blocks.side; ++dy, block += blocks.fine_row)
      for (Index dx = 0; dx < blocks.side; ++dx) {
        const Vector<real, width> pixel = block[dx * blocks.pixel];
        for (int k = 0; k < width; ++k) mean.at[k] += pixel.at[k];
      }
    for (int k = 0; k < width; ++k) mean.at[k] /= real(blocks.side * blocks.side);
    y[i] = mean;
  }
}

/// Where elements of the fine side come from.
template <class Index>
struct Sources {
  Index count;
  RowMajor<Index, 5> fine;
  Index stride[5];  // in the coarse side: none along the dimensions of k

  Sources(const PoolShape& s, int width)
      : count(Index(s.fine_size() / width)), stride{Index(s.w) * (s.c / width), 0, Index(s.c / width), 0, 1} {
    const int64_t dims[] = {int64_t(s.n) * s.h, s.k, s.w, s.k, s.c / width};
    fine = RowMajor<Index, 5>(5, dims);
  }
};

template <class Index, int width>
__global__ void __launch_bounds__(walk_threads)
    upsample_kernel(Sources<Index> sources, const Vector<real, width>* x, Vector<real, width>* y) {
  for (int64_t i = thread_index(); i < sources.count; i += thread_count())
    y[i] = x[sources.fine.position(Index(i), sources.stride)];
}

/// Calls body(index, width): a number of the type that counts elements, and how many channels go together.
template <class Body>
void with_index_and_width(const PoolShape& s, const real* x, const real* y, const Body& body) {
  const auto with_index = [&](auto width) {
    if (fits<int32_t>(s.fine_size())) {
      body(int32_t(), width);
    } else {
      body(int64_t(), width);
    }
  };
  if (s.c % 4 == 0 && is_aligned(x) && is_aligned(y)) {
    with_index(std::integral_constant<int, 4>());
  } else {
    with_index(std::integral_constant<int, 1>());
  }
}

}  // namespace

void avg_pool(const Stream& stream, const PoolShape& s, const real* x, real* y) {
  if (s.coarse_size() == 0) return;
  with_index_and_width(s, x, y, [&](auto index, auto width) {
    using Channels = Vector<real, width>;
    const Blocks<decltype(index)> blocks(s, width);
    launch_walk(avg_pool_kernel<decltype(index), width>, blocks.count, stream, blocks,
                reinterpret_cast<const Channels*>(x), reinterpret_cast<Channels*>(y));
  });
}

void upsample(const Stream& stream, const PoolShape& s, const real* x, real* y) {
  if (s.coarse_size() == 0) return;
  with_index_and_width(s, x, y, [&](auto index, auto width) {
    using Channels = Vector<real, width>;
    const Sources<decltype(index)> sources(s, width);
    launch_walk(upsample_kernel<decltype(index), width>, sources.count, stream, sources,
                reinterpret_cast<const Channels*>(x), reinterpret_cast<Channels*>(y));
  });
}

}  // namespace erg::kernels::cuda
