// The gradient of the weights: dw[ky][kx,ci][co] is the sum over all output pixels of x's run at that pixel times dy's
// channels, the sum of an outer_tile. A thread takes blocks of weights and goes through the whole batch for each, part
// by part, so that every sum has one order, however the blocks are cut. What a part needs of x and dy is first copied
// to the thread's slot: read once, in order, and in the cache from then on.

constexpr int64_t dw_pixels = 128;    // of dy in a part, summed in registers before they are added to dw
constexpr int64_t block_rows = 48;    // of dw, at least, to be worth a pass over dy
constexpr int64_t block_panels = 16;  // of columns_max channels, at most: they share a pass over x

/// How dw is cut: blocks of `taps` tap rows and `panels` panels of channels.
struct DwBlocks {
  int64_t taps, panels;  // in a block
  int64_t down, across;  // blocks along ky and along co
};

inline DwBlocks dw_blocks(const ConvShape& s) {
  DwBlocks b;
  b.taps = smaller(s.kh, ceil_div(block_rows, int64_t(s.kw) * s.ci));
  b.down = ceil_div(s.kh, b.taps);
  const int64_t panels = ceil_div(s.co, columns_max), wanted = max_threads() > 1 ? 2 * max_threads() : 1;
  b.panels = larger(1, smaller(block_panels, panels * b.down / wanted));
  b.across = ceil_div(panels, b.panels);
  return b;
}

/// One block: tap rows [ky, ky_end), channels [channel, channel_end).
struct DwBlock {
  int64_t ky, ky_end, channel, channel_end;
};

ERG_HD Parts dw_parts(const ConvShape& s) { return cut(s.n, s.oh(), s.ow(), dw_pixels); }
/// The rows of the padded x that `taps` tap rows from `ky` on need for `rows` rows of dy.
ERG_HD Window dw_window(const ConvShape& s, int64_t row, int64_t rows, int64_t ky, int64_t taps) {
  return {row * s.stride - s.pad + ky, (rows - 1) * s.stride + taps, -s.pad, s.w + 2 * int64_t(s.pad)};
}
/// In a slot: the part's window of x, then the block's channels of the part of dy, then one tile's rows of x.
inline int64_t dw_slot_x(const ConvShape& s) {
  const Parts parts = dw_parts(s);
  const Window window = dw_window(s, 0, parts.rows, 0, dw_blocks(s).taps);
  return round_up(parts.images * window.rows * window.columns * s.ci, slot_alignment);
}
inline int64_t dw_slot_dy(const ConvShape& s) {
  const Parts parts = dw_parts(s);
  return round_up(parts.images * parts.rows * s.ow() * dw_blocks(s).panels * columns_max, slot_alignment);
}
inline int64_t dw_slot(const ConvShape& s) {
  const Parts parts = dw_parts(s);
  return dw_slot_x(s) + dw_slot_dy(s) + round_up(parts.images * parts.rows * s.ow() * rows_max + lanes, slot_alignment);
}

inline int64_t conv2d_dw_workspace(const ConvShape& s) { return max_threads() * dw_slot(s); }

/// The block's channels of `pixels` pixels of dy, as [panel][pixel][width].
inline void dw_pack(const ConvShape& s, const DwBlock& block, const real* dy, int64_t pixels, real* packed) {
  for (int64_t first = block.channel; first < block.channel_end; first += columns_max) {
    const int columns = int(smaller(columns_max, block.channel_end - first)), width = tile_width(columns);
    for (int64_t p = 0; p < pixels; ++p, packed += width) pack_line(dy + p * s.co + first, 1, columns, width, packed);
  }
}

/// rows_max numbers of every pixel's run, from terms.row_offset on, one pixel after the other. It copies whole vectors:
/// of the last run in a slot some numbers of what lies behind it there.
inline void dw_pack_rows(const Outer& terms, real* packed) {
  for (int l = 0; l < terms.lines; ++l) {
    const real* from = terms.rows[l] + terms.row_offset;
    for (int p = 0; p < terms.length; ++p, from += terms.row_step, packed += rows_max)
#pragma GCC unroll 2
      for (int i = 0; i < rows_max; i += lanes) store(packed + i, load(from + i));
  }
}

/// Adds a part's sum to dw[ky][all kx, ci][the block's channels], or sets it when it is the first.
inline void dw_add(const ConvShape& s, const DwBlock& block, const Outer& part, bool add, real* strip, real* dw) {
  const int64_t run = int64_t(s.kw) * s.ci, tiles = ceil_div(run, rows_max);
  // A tile's rows lie far apart, in few sets of the cache, where images have many channels: then they are packed.
  const bool packs = part.row_step >= 2 * lanes && block.channel_end - block.channel >= 4 * columns_max;
  TileOut out;
  out.add = add;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t first_row = t * run / tiles;
    const int rows = int((t + 1) * run / tiles - first_row);
    Outer terms = part;
    terms.row_offset = first_row;
    if (packs) {
      dw_pack_rows(terms, strip);
      terms = {1, part.lines * part.length, &strip, 0, rows_max, part.columns, 0};
    }
    for (int64_t first = block.channel; first < block.channel_end; first += columns_max) {
      out.columns = int(smaller(columns_max, block.channel_end - first));
      for (int i = 0; i < rows; ++i) out.row[i] = dw + (first_row + i) * s.co + first;
      terms.column_step = tile_width(out.columns);
      if (out.columns > lanes)
        outer_rows<2>(rows, terms, out);
      else
        outer_rows<1>(rows, terms, out);
      terms.columns += terms.lines * terms.length * columns_max;
    }
  }
}

inline void dw_part(const ConvShape& s, const DwBlock& block, const Part& part, const real* x, const real* dy,
                    real* slot, real* dw) {
  const int64_t oh = s.oh(), ow = s.ow(), taps = block.ky_end - block.ky;
  const Window window = dw_window(s, part.row, part.rows, block.ky, taps);
  real* packed = slot + dw_slot_x(s);
  copy_window(window, part.images, s.h, s.w, s.ci, x + part.image * s.h * s.w * s.ci, slot);
  dw_pack(s, block, dy + (part.image * oh + part.row) * ow * s.co, part.images * part.rows * ow, packed);

  const real* lines[2 * dw_pixels];
  for (int64_t ky = block.ky; ky < block.ky_end; ++ky) {
    int64_t count = 0;
    for (int64_t image = 0; image < part.images; ++image)
      for (int64_t row = 0; row < part.rows; ++row)
        lines[count++] = slot + (image * window.rows + row * s.stride + ky - block.ky) * window.columns * s.ci;
    const Outer terms{int(count), int(ow), lines, 0, int64_t(s.stride) * s.ci, packed, 0};
    dw_add(s, block, terms, part.image + part.row > 0, packed + dw_slot_dy(s), dw + ky * s.kw * s.ci * s.co);
  }
}

inline void conv2d_dw(const ConvShape& s, const real* x, const real* dy, real* workspace, real* dw) {
  if (s.n == 0)
    for (int64_t i = 0; i < s.w_size(); ++i) dw[i] = 0;
  const DwBlocks blocks = dw_blocks(s);
  const Parts parts = dw_parts(s);
  parallel_for(blocks.down * blocks.across, 1, [&](int64_t i, int64_t) {
    const int64_t ky = i / blocks.across * blocks.taps, channel = i % blocks.across * blocks.panels * columns_max;
    const DwBlock block{ky, smaller(s.kh, ky + blocks.taps), channel,
                        smaller(s.co, channel + blocks.panels * columns_max)};
    real* slot = workspace + thread_index() * dw_slot(s);
    for (int64_t part = 0; part < parts.count(); ++part)
      dw_part(s, block, part_at(parts, part, s.n, s.oh()), x, dy, slot, dw);
  });
}
