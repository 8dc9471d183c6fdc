// The gradient of the weights: dw[ky][kx,ci][co] is the sum over all output pixels of x's run at that pixel times dy's
// channels, the sum of an outer_tile. A thread takes blocks of weights and goes through the whole batch for each, part
// by part, so that every sum has one order, however the blocks are cut. What a part needs of x and dy is first copied
// to the thread's slot: read once, in order, and in the cache from then on.
//
// The rows of a tile are consecutive numbers of x's run. In images of many channels, where from pixel to pixel they lie
// far apart, the slot has the channels in strips as narrow as a tile, which serve a tap after the other.

constexpr int64_t dw_pixels = 128;    // of dy in a part, summed in registers before they are added to dw
constexpr int64_t block_panels = 16;  // of columns_max channels, at most: they share a pass over x

/// How dw is cut: blocks of `taps` tap rows and `panels` panels of channels. Tap rows are kept together as long as the
/// channels give enough blocks for every thread, for each block goes through all of x.
struct DwBlocks {
  int64_t taps, panels;  // in a block
  int64_t down, across;  // blocks along ky and along co
};

inline DwBlocks dw_blocks(const ConvShape& s) {
  const int64_t panels = larger(1, ceil_div(s.co, columns_max)), wanted = max_threads() > 1 ? 2 * max_threads() : 1;
  DwBlocks b;
  b.panels = larger(1, smaller(block_panels, panels / wanted));
  b.across = ceil_div(panels, b.panels);
  b.taps = ceil_div(s.kh, smaller(s.kh, ceil_div(wanted, b.across)));
  b.down = ceil_div(s.kh, b.taps);
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

constexpr int strip_width = (rows_max + lanes - 1) / lanes * lanes;  // whole vectors

/// How x lies in a slot: in `strips` windows, with `pixel` numbers for each pixel; with few channels, whole, in one.
/// From a pixel of dy to the next it goes `step` numbers on.
struct DwStrips {
  int64_t strips, pixel, step, channels;

  explicit DwStrips(const ConvShape& s) : strips(1), pixel(s.ci), step(int64_t(s.stride) * s.ci), channels(s.ci) {
    if (s.ci < 2 * strip_width) return;
    strips = ceil_div(s.ci, rows_max);
    pixel = step = strip_width;
  }
  bool whole() const { return strips == 1; }
  /// The first channel that a strip is for, and the first that it has: its vectors must not reach beyond the pixel.
  ERG_HD int64_t begin(int64_t strip) const { return strip * channels / strips; }
  ERG_HD int64_t copied(int64_t strip) const { return smaller(begin(strip), channels - pixel); }
};

/// In a slot: the part's window of x, then the block's channels of the part of dy.
inline int64_t dw_slot_x(const ConvShape& s) {
  const Parts parts = dw_parts(s);
  const Window window = dw_window(s, 0, parts.rows, 0, dw_blocks(s).taps);
  const DwStrips x(s);
  return round_up(x.strips * parts.images * window.rows * window.columns * x.pixel, slot_alignment);
}
inline int64_t dw_slot(const ConvShape& s) {
  const Parts parts = dw_parts(s);
  const int64_t pixels = parts.images * parts.rows * s.ow();
  return dw_slot_x(s) + round_up(pixels * dw_blocks(s).panels * columns_max, slot_alignment);
}

inline int64_t conv2d_dw_workspace(const ConvShape& s) { return max_threads() * dw_slot(s); }

/// The block's channels of `pixels` pixels of dy, as [panel][pixel][width].
inline void dw_pack(const ConvShape& s, const DwBlock& block, const real* dy, int64_t pixels, real* packed) {
  for (int64_t first = block.channel; first < block.channel_end; first += columns_max) {
    const int columns = int(smaller(columns_max, block.channel_end - first)), width = tile_width(columns);
    for (int64_t p = 0; p < pixels; ++p, packed += width) pack_line(dy + p * s.co + first, 1, columns, width, packed);
  }
}

/// The window of each image in strips: as copy_window, for one strip after the other, but of every line first the
/// pixels that the first tap column reads, then those that the next one does.
inline void dw_copy_strips(const DwStrips& strips, const Window& window, int64_t images, int64_t h, int64_t w,
                           int stride, const real* from, real* to) {
  for (int64_t strip = 0; strip < strips.strips; ++strip)
    for (int64_t image = 0; image < images; ++image)
      for (int64_t r = window.row; r < window.row + window.rows; ++r) {
        const real* line = from + (image * h + r) * w * strips.channels + strips.copied(strip);
        for (int64_t phase = 0; phase < stride; ++phase)
          for (int64_t c = window.column + phase; c < window.column + window.columns; c += stride, to += strip_width) {
            const bool inside = r >= 0 && r < h && c >= 0 && c < w;
#pragma GCC unroll 2
            for (int i = 0; i < strip_width; i += lanes)
              store(to + i, inside ? load(line + c * strips.channels + i) : Vector{});
          }
      }
}

/// Rows [first, first + count) of dw[ky], which are channels of one tap column or, without strips, of several; and
/// where in a line of the slot they are.
struct DwTile {
  int64_t first, count, offset;
};
/// Tile t of dw[ky]: a strip's tiles follow each other.
inline DwTile dw_tile(const ConvShape& s, const DwStrips& x, int64_t strip_size, int64_t t) {
  const int64_t run = int64_t(s.kw) * s.ci;
  if (x.whole()) {
    const int64_t tiles = ceil_div(run, rows_max), first = t * run / tiles;
    return {first, (t + 1) * run / tiles - first, first};
  }
  const int64_t strip = t / s.kw, kx = t % s.kw, begin = x.begin(strip);
  // Where dw_copy_strips put the first pixel of tap column kx: behind the phases before, kx / stride pixels into its
  // own.
  const int64_t columns = s.w + 2 * int64_t(s.pad), phase = kx % s.stride;
  const int64_t pixel = phase * (columns / s.stride) + smaller(phase, columns % s.stride) + kx / s.stride;
  return {kx * s.ci + begin, x.begin(strip + 1) - begin,
          strip * strip_size + pixel * x.pixel + begin - x.copied(strip)};
}

/// Adds a part's sum to dw[ky][all kx, ci][the block's channels], or sets it when it is the first.
inline void dw_add(const ConvShape& s, const DwBlock& block, const Outer& part, int64_t strip_size, bool add,
                   real* dw) {
  const DwStrips x(s);
  const int64_t tiles = x.whole() ? ceil_div(int64_t(s.kw) * s.ci, rows_max) : x.strips * s.kw;
  TileOut out;
  out.add = add;
  for (int64_t t = 0; t < tiles; ++t) {
    const DwTile tile = dw_tile(s, x, strip_size, t);
    Outer terms = part;
    terms.row_offset = tile.offset;
    for (int64_t first = block.channel; first < block.channel_end; first += columns_max) {
      out.columns = int(smaller(columns_max, block.channel_end - first));
      for (int i = 0; i < tile.count; ++i) {
        out.row[i] = dw + (tile.first + i) * s.co + first;
        __builtin_prefetch(out.row[i], 1);
      }
      terms.column_step = tile_width(out.columns);
      if (out.columns > lanes)
        outer_rows<2>(int(tile.count), terms, out);
      else
        outer_rows<1>(int(tile.count), terms, out);
      terms.columns += terms.lines * terms.length * columns_max;
    }
  }
}

inline void dw_part(const ConvShape& s, const DwBlock& block, const Part& part, const real* x, const real* dy,
                    real* slot, real* dw) {
  const int64_t oh = s.oh(), ow = s.ow(), taps = block.ky_end - block.ky;
  const Window window = dw_window(s, part.row, part.rows, block.ky, taps);
  const DwStrips strips(s);
  x += part.image * s.h * s.w * s.ci;
  if (strips.whole())
    copy_window(window, part.images, s.h, s.w, s.ci, x, slot);
  else
    dw_copy_strips(strips, window, part.images, s.h, s.w, s.stride, x, slot);
  real* packed = slot + dw_slot_x(s);
  dw_pack(s, block, dy + (part.image * oh + part.row) * ow * s.co, part.images * part.rows * ow, packed);

  const real* lines[2 * dw_pixels];
  const int64_t line = window.columns * strips.pixel, strip_size = part.images * window.rows * line;
  for (int64_t ky = block.ky; ky < block.ky_end; ++ky) {
    int64_t count = 0;
    for (int64_t image = 0; image < part.images; ++image)
      for (int64_t row = 0; row < part.rows; ++row)
        lines[count++] = slot + (image * window.rows + row * s.stride + ky - block.ky) * line;
    const Outer terms{int(count), int(ow), lines, 0, strips.step, packed, 0};
    dw_add(s, block, terms, strip_size, part.image + part.row > 0, dw + ky * s.kw * s.ci * s.co);
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
