// The gradient of the weights: dw[ky][kx,ci][co] is the sum over all output pixels of x's run at that pixel times dy's
// channels, the sum of an outer_tile. A thread takes blocks of weights and goes through the whole batch for each, a few
// lines of dy (rows of its images) at a time, so that every sum has one order.

constexpr int64_t chunk_pixels = 128;  // of dy, summed in registers before they are added to dw
constexpr int chunk_lines_max = int(chunk_pixels);
constexpr int64_t block_rows = 48;  // of dw, at least, to be worth a pass over dy

ERG_HD int64_t dw_chunk_lines(const ConvShape& s) { return larger(1, chunk_pixels / s.ow()); }
ERG_HD int64_t dw_padded_size(const ConvShape& s) {
  return s.pad == 0 ? 0 : round_up(s.n * (s.h + 2 * int64_t(s.pad)) * (s.w + 2 * int64_t(s.pad)) * s.ci, slot_alignment);
}
/// A thread's copy of columns_max channels of a chunk of dy.
ERG_HD int64_t dw_slot(const ConvShape& s) { return round_up(dw_chunk_lines(s) * s.ow() * columns_max, slot_alignment); }

inline int64_t conv2d_dw_workspace(const ConvShape& s) { return dw_padded_size(s) + max_threads() * dw_slot(s); }

/// Adds one chunk's part to dw[ky][all kx, ci][columns], or sets it with the first.
inline void dw_add_chunk(const ConvShape& s, const Outer& chunk, int columns, bool add, real* dw) {
  const int64_t run = int64_t(s.kw) * s.ci, tiles = ceil_div(run, rows_max);
  Outer terms = chunk;
  TileOut out;
  out.columns = columns;
  out.add = add;
  for (int64_t t = 0; t < tiles; ++t) {
    terms.row_offset = t * run / tiles;
    const int rows = int((t + 1) * run / tiles - terms.row_offset);
    for (int i = 0; i < rows; ++i) out.row[i] = dw + (terms.row_offset + i) * s.co;
    if (columns > lanes)
      outer_rows<2>(rows, terms, out);
    else
      outer_rows<1>(rows, terms, out);
  }
}

/// The tap rows [ky_begin, ky_end) of the channels from `first` on: dw[ky][all kx, ci][first ...]
struct DwBlock {
  int ky_begin, ky_end, first;
};

inline void dw_block(const ConvShape& s, const DwBlock& block, const real* padded, const real* dy, real* slot,
                     real* dw) {
  const int columns = int(smaller(columns_max, s.co - block.first)), width = tile_width(columns);
  const int64_t oh = s.oh(), ow = s.ow(), lines = s.n * oh;
  const int64_t padded_h = s.h + 2 * int64_t(s.pad), line = (s.w + 2 * int64_t(s.pad)) * s.ci;
  const real* rows[chunk_lines_max];
  for (int64_t begin = 0; begin < lines; begin += dw_chunk_lines(s)) {
    const int64_t count = smaller(dw_chunk_lines(s), lines - begin);
    const real* from = dy + begin * ow * s.co + block.first;
    for (int64_t p = 0; p < count * ow; ++p) pack_line(from + p * s.co, 1, columns, width, slot + p * width);
    for (int ky = block.ky_begin; ky < block.ky_end; ++ky) {
      for (int64_t l = 0; l < count; ++l)
        rows[l] = padded + ((begin + l) / oh * padded_h + (begin + l) % oh * s.stride + ky) * line;
      const Outer chunk{int(count), int(ow), rows, 0, int64_t(s.stride) * s.ci, slot, width};
      dw_add_chunk(s, chunk, columns, begin > 0, dw + int64_t(ky) * s.kw * s.ci * s.co + block.first);
    }
  }
}

/// x with its zero padding, in the workspace unless there is none.
inline const real* dw_pad(const ConvShape& s, const real* x, real* workspace) {
  if (s.pad == 0) return x;
  const Window window{-s.pad, s.h + 2 * int64_t(s.pad), -s.pad, s.w + 2 * int64_t(s.pad)};
  const int64_t image = int64_t(s.h) * s.w * s.ci, padded_image = window.rows * window.columns * s.ci;
  parallel_for(s.n, 1, [&](int64_t i, int64_t) {
    copy_window(window, 1, s.h, s.w, s.ci, x + i * image, workspace + i * padded_image);
  });
  return workspace;
}

inline void conv2d_dw(const ConvShape& s, const real* x, const real* dy, real* workspace, real* dw) {
  if (s.n == 0)
    for (int64_t i = 0; i < s.w_size(); ++i) dw[i] = 0;
  const real* padded = dw_pad(s, x, workspace);
  real* slots = workspace + dw_padded_size(s);
  const int64_t blocks = ceil_div(s.co, columns_max);
  const int taps = int(smaller(s.kh, ceil_div(block_rows, s.kw * s.ci)));
  parallel_for(blocks * ceil_div(s.kh, taps), 1, [&](int64_t i, int64_t) {
    const int ky = int(i / blocks) * taps;
    const DwBlock block{ky, int(smaller(ky + taps, s.kh)), int(i % blocks) * columns_max};
    dw_block(s, block, padded, dy, slots + thread_index() * dw_slot(s), dw);
  });
}
