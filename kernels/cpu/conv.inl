// Direct convolution: no im2col. In a zero-padded NHWC image the inputs that one output pixel takes from one image row,
// all taps and channels of it, are consecutive, and so the convolution of a pixel is `kh` dot products of `kw*ci`
// terms: the Runs of a register tile. The rows of a tile are any pixels, those of several small images too.
//
// conv2d is one such pass over the padded x. conv2d_dx is stride*stride passes over the padded dy: the pixels of dx
// whose coordinates leave a given remainder see every stride-th tap, flipped, and write with a step.
//
// Deep, small images, of whose windows much lies in the padding, go tap by tap instead: conv_taps.inl.
//
// The work is cut into parts of a fixed size, whole small images or a few rows of a large one. The thread that takes a
// part pads what the part reads into its own slot of the workspace, which stays in its cache.

#include "tile.inl"

constexpr int64_t part_pixels = 128;      // of the output, at least, where there are as many
constexpr double part_flops = 4e6;        // at least
constexpr int64_t cached_weights = 4096;  // in reals: half a first-level cache
constexpr int64_t slot_alignment = 64;    // in reals: slots share no cache line

// ---- Weights ----

/// One pass's weights as they lie in w: tap row y, tap column x, input channel d, output channel o are at
/// data[y*row_step + x*column_step + d*in_step + o*out_step].
struct PassWeights {
  const real* data;
  int rows, columns, in, out;
  int64_t row_step, column_step, in_step, out_step;
};

/// Whether a pass spends its registers along the run, having too few output channels to fill them.
ERG_HD bool prefers_dot(int run, int channels) { return channels > 0 && channels <= dot_columns_max && run >= lanes; }

ERG_HD int64_t packed_size(const PassWeights& w) {
  const int run = w.columns * w.in;
  if (prefers_dot(run, w.out)) return int64_t(w.out) * w.rows * dot_length(run);
  return int64_t(w.rows) * run * round_up(w.out, columns_max);
}

/// Block `block` of columns_max output channels, as [rows][columns][in][width]; zeros beyond the last channel.
inline void pack_block(const PassWeights& w, int64_t block, real* packed) {
  const int64_t first = block * columns_max;
  const int channels = int(smaller(columns_max, w.out - first)), width = tile_width(channels);
  packed += first * w.rows * w.columns * w.in;
  for (int y = 0; y < w.rows; ++y)
    for (int x = 0; x < w.columns; ++x)
      for (int d = 0; d < w.in; ++d, packed += width)
        pack_line(w.data + y * w.row_step + x * w.column_step + d * w.in_step + first * w.out_step, w.out_step,
                  channels, width, packed);
}

/// Output channel `o` for a dot_tile, as [rows][dot_length(run)]: see there for the overlap of the last vector.
inline void pack_dot(const PassWeights& w, int64_t o, real* packed) {
  const int run = w.columns * w.in, length = dot_length(run);
  packed += o * w.rows * length;
  for (int y = 0; y < w.rows; ++y, packed += length) {
    for (int p = run / lanes * lanes; p < length; ++p) packed[p] = 0;
    for (int x = 0; x < w.columns; ++x)
      for (int d = 0; d < w.in; ++d) {
        const int p = x * w.in + d;
        packed[p < run / lanes * lanes ? p : p + length - run] =
            w.data[y * w.row_step + x * w.column_step + d * w.in_step + o * w.out_step];
      }
  }
}

inline void pack_weights(const PassWeights& w, real* packed) {
  if (prefers_dot(w.columns * w.in, w.out)) {
    for (int64_t o = 0; o < w.out; ++o) pack_dot(w, o, packed);
  } else {
    parallel_for(ceil_div(w.out, columns_max), 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) pack_block(w, block, packed);
    });
  }
}

// ---- One pass over one part ----

/// The pixels a pass computes: a grid of images, rows and columns, and what a step in each means in the padded input
/// and in the output.
struct PixelGrid {
  int64_t images, rows, columns;
  int64_t in_image, in_row, in_column;
  int64_t out_image, out_row, out_column;
};

/// Walks a grid pixel by pixel.
struct PixelCursor {
  const PixelGrid* grid;
  int64_t image, row, column;

  ERG_HD int64_t in() const { return image * grid->in_image + row * grid->in_row + column * grid->in_column; }
  ERG_HD int64_t out() const { return image * grid->out_image + row * grid->out_row + column * grid->out_column; }
  ERG_HD void next() {
    if (++column < grid->columns) return;
    column = 0;
    if (++row < grid->rows) return;
    row = 0;
    ++image;
  }
};

/// Computes up to columns_max output channels of every pixel of the grid, by `tile(rows, in, out)` with tiles of at
/// most `rows_most` pixels, all of nearly the same size.
template <class Tile>
ERG_HD void for_each_tile(const PixelGrid& grid, int rows_most, const real* in, real* out, const Epilogue& epilogue,
                          const Tile& tile) {
  const int64_t pixels = grid.images * grid.rows * grid.columns, tiles = ceil_div(pixels, rows_most);
  PixelCursor cursor{&grid, 0, 0, 0};
  const real* in_row[rows_max];
  TileOut to;
  to.add = false;
  to.epilogue = epilogue;
  for (int64_t t = 0; t < tiles; ++t) {
    const int rows = int((t + 1) * pixels / tiles - t * pixels / tiles);
    for (int i = 0; i < rows; ++i, cursor.next()) {
      in_row[i] = in + cursor.in();
      to.row[i] = out + cursor.out();
    }
    tile(rows, in_row, to);
  }
}

/// All output channels of every pixel of the grid; `packed` is from pack_weights.
inline void correlate(const PixelGrid& grid, const Runs& runs, int channels, const real* in, const real* packed,
                      const Epilogue& f, real* out) {
  if (prefers_dot(runs.run, channels))
    return for_each_tile(grid, dot_rows(channels), in, out, f, [&](int rows, const real* const* in_row, TileOut& to) {
      to.columns = channels;
      dot_any(rows, runs, in_row, packed, to);
    });
  // Weights that stay in the first-level cache are all applied to a tile before the next; of others one panel.
  const int64_t terms = int64_t(runs.lines) * runs.run;
  const int64_t together = terms * channels <= cached_weights ? round_up(channels, columns_max) : columns_max;
  for (int64_t begin = 0; begin < channels; begin += together)
    for_each_tile(grid, rows_max, in, out + begin, f, [&](int rows, const real* const* in_row, TileOut& to) {
      for (int64_t first = begin; first < smaller(begin + together, channels); first += columns_max) {
        to.columns = int(smaller(columns_max, channels - first));
        for (int i = 0; i < rows; ++i) __builtin_prefetch(to.row[i], 1);
        if (f.bias) to.epilogue.bias = f.bias + first;
        if (to.columns > lanes)
          broadcast_rows<2>(rows, runs, in_row, packed + first * terms, to);
        else
          broadcast_rows<1>(rows, runs, in_row, packed + first * terms, to);
        for (int i = 0; i < rows; ++i) to.row[i] += columns_max;
      }
    });
}

// ---- Parts ----

/// How the output pixels of a batch are cut: parts of `images` whole images, or of `rows` rows of one.
struct Parts {
  int64_t images, rows;  // in a part
  int64_t across, down;  // parts along the batch, and within an image

  int64_t count() const { return across * down; }
};

/// Cuts n images of h x w pixels into parts of about `pixels`: at most twice as many, but for a single longer row.
inline Parts cut(int64_t n, int64_t h, int64_t w, int64_t pixels) {
  Parts p{1, h, n, 1};
  if (h * w > 2 * pixels) {
    p.rows = ceil_div(pixels, w);
    p.down = ceil_div(h, p.rows);
  } else if (h * w > 0) {
    p.images = larger(1, smaller(n, pixels / (h * w)));
    p.across = ceil_div(n, p.images);
  }
  return p;
}

/// Part number `i`: images [image, image + images), rows [row, row + rows).
struct Part {
  int64_t image, images, row, rows;
};

ERG_HD Part part_at(const Parts& parts, int64_t i, int64_t n, int64_t h) {
  const int64_t image = i / parts.down * parts.images, row = i % parts.down * parts.rows;
  return {image, smaller(parts.images, n - image), row, smaller(parts.rows, h - row)};
}

/// A window of an image, [row, row + rows) x [column, column + columns), that may reach beyond it.
struct Window {
  int64_t row, rows, column, columns;
};

/// Copies the window of each image of [images][h][w][channels] to `to`, zeros where it reaches beyond.
inline void copy_window(const Window& window, int64_t images, int64_t h, int64_t w, int64_t channels, const real* from,
                        real* to) {
  const int64_t left = smaller(window.columns, larger(0, -window.column));
  const int64_t inside = larger(0, smaller(window.columns - left, w - window.column - left));
  const int64_t right = window.columns - left - inside;
  for (int64_t image = 0; image < images; ++image, from += h * w * channels)
    for (int64_t r = window.row; r < window.row + window.rows; ++r) {
      const bool empty = r < 0 || r >= h;
      const int64_t before = (empty ? window.columns : left) * channels;
      for (int64_t i = 0; i < before; ++i) *to++ = 0;
      if (empty) continue;
      const real* line = from + (r * w + window.column + left) * channels;
      for (int64_t i = 0; i < inside * channels; ++i) to[i] = line[i];
      to += inside * channels;
      for (int64_t i = 0; i < right * channels; ++i) *to++ = 0;
    }
}

/// Pixels in a part of a pass that does as much work per pixel.
ERG_HD int64_t pixels_in_part(double flops_per_pixel) {
  return larger(part_pixels, int64_t(part_flops / (flops_per_pixel + 1)));
}

#include "conv_taps.inl"

// ---- conv2d ----

ERG_HD Parts conv2d_parts(const ConvShape& s) {
  return cut(s.n, s.oh(), s.ow(), pixels_in_part(2.0 * s.kh * s.kw * s.ci * s.co));
}
ERG_HD PassWeights conv2d_weights(const ConvShape& s, const real* w) {
  return {w, s.kh, s.kw, s.ci, s.co, int64_t(s.kw) * s.ci * s.co, int64_t(s.ci) * s.co, s.co, 1};
}
/// The padded rows of x that `rows` rows of y read, for one image.
ERG_HD Window conv2d_window(const ConvShape& s, int64_t row, int64_t rows) {
  return {row * s.stride - s.pad, (rows - 1) * s.stride + s.kh, -s.pad, s.w + 2 * int64_t(s.pad)};
}
/// A part's padded input; without padding, or tap by tap, x itself serves.
ERG_HD int64_t conv2d_slot(const ConvShape& s) {
  if (s.pad == 0 || goes_by_taps(s, s.ci, s.co)) return 0;
  const Parts parts = conv2d_parts(s);
  const Window window = conv2d_window(s, 0, parts.rows);
  return round_up(parts.images * window.rows * window.columns * s.ci, slot_alignment);
}

inline int64_t conv2d_workspace(const ConvShape& s) {
  return round_up(packed_size(conv2d_weights(s, nullptr)), slot_alignment) + max_threads() * conv2d_slot(s);
}

inline void conv2d_part(const ConvShape& s, const Part& part, const Epilogue& f, const real* x, const real* packed,
                        real* slot, real* y) {
  const bool by_taps = goes_by_taps(s, s.ci, s.co);
  const Window window = by_taps ? Window{0, s.h, 0, s.w} : conv2d_window(s, part.row, part.rows);
  const int64_t line = window.columns * s.ci, ow = s.ow(), image = int64_t(s.oh()) * ow * s.co;
  const real* in = x + part.image * s.h * s.w * s.ci;
  int64_t in_image = s.h * line;
  if (s.pad == 0) {
    in += window.row * line;
  } else if (!by_taps) {
    copy_window(window, part.images, s.h, s.w, s.ci, in, slot);
    in = slot;
    in_image = window.rows * line;
  }
  const PixelGrid grid{part.images, part.rows, ow,  in_image, s.stride * line, int64_t(s.stride) * s.ci,
                       image,       ow * s.co, s.co};
  y += part.image * image + part.row * ow * s.co;
  if (by_taps) {
    const Reach down{s.h, part.rows, s.stride, part.row * s.stride - s.pad, s.kh};
    const Reach across{s.w, ow, s.stride, -s.pad, s.kw};
    correlate_by_taps(grid, down, across, conv2d_weights(s, nullptr), line, in, packed, f, y);
  } else {
    correlate(grid, {s.kh, line, s.kw * s.ci}, s.co, in, packed, f, y);
  }
}

inline void conv2d(const ConvShape& s, const Epilogue& f, const real* x, const real* w, real* workspace, real* y) {
  const Parts parts = conv2d_parts(s);
  const PassWeights weights = conv2d_weights(s, w);
  real* slots = workspace + round_up(packed_size(weights), slot_alignment);
  pack_weights(weights, workspace);
  parallel_for(parts.count(), 1, [&](int64_t begin, int64_t) {
    conv2d_part(s, part_at(parts, begin, s.n, s.oh()), f, x, workspace, slots + thread_index() * conv2d_slot(s), y);
  });
}

inline void conv2d(const ConvShape& s, const real* x, const real* w, real* workspace, real* y) {
  conv2d(s, {}, x, w, workspace, y);
}

inline void conv2d_bias(const ConvShape& s, const real* x, const real* w, const real* bias, real negative_slope,
                        real* workspace, real* y) {
  conv2d(s, {bias, negative_slope}, x, w, workspace, y);
}

// ---- conv2d_dx ----

// With u = floor((iy + pad) / stride) and a = (iy + pad) mod stride, row iy of dx takes tap a + stride*t from row u - t
// of dy, for the t that give a tap: there are `taps_of(kh, stride, a)`.
ERG_HD int taps_of(int k, int stride, int remainder) {
  return k > remainder ? (k - remainder + stride - 1) / stride : 0;
}

ERG_HD Parts conv2d_dx_parts(const ConvShape& s) {
  return cut(s.n, s.h, s.w, pixels_in_part(2.0 * s.kh * s.kw * s.ci * s.co / (s.stride * s.stride)));
}

/// The taps of remainder (ry, rx), flipped; input channels are those of dy.
ERG_HD PassWeights conv2d_dx_weights(const ConvShape& s, int ry, int rx, const real* w) {
  const int rows = taps_of(s.kh, s.stride, ry), columns = taps_of(s.kw, s.stride, rx);
  const int64_t tap = int64_t(s.ci) * s.co;
  const int64_t last = (ry + int64_t(s.stride) * (rows - 1)) * s.kw + rx + int64_t(s.stride) * (columns - 1);
  const bool none = rows == 0 || columns == 0;
  return {none ? w : w + last * tap,
          none ? 0 : rows,
          none ? 0 : columns,
          s.co,
          s.ci,
          -s.stride * s.kw * tap,
          -s.stride * tap,
          1,
          s.co};
}

/// The rows of dy that rows [row, row + rows) of dx read, and all columns that any pixel reads.
ERG_HD Window conv2d_dx_window(const ConvShape& s, int64_t row, int64_t rows) {
  const int64_t top = (row + s.pad) / s.stride - (taps_of(s.kh, s.stride, 0) - 1);
  const int64_t left = s.pad / s.stride - (taps_of(s.kw, s.stride, 0) - 1);
  return {top, (row + rows - 1 + s.pad) / s.stride + 1 - top, left, (s.w - 1 + s.pad) / s.stride + 1 - left};
}

/// A part's padded dy; tap by tap, dy itself serves.
ERG_HD int64_t conv2d_dx_slot(const ConvShape& s) {
  if (goes_by_taps(s, s.co, s.ci)) return 0;
  const Parts parts = conv2d_dx_parts(s);
  const int64_t rows = ceil_div(parts.rows, s.stride) + 1 + taps_of(s.kh, s.stride, 0);
  return round_up(parts.images * rows * conv2d_dx_window(s, 0, 1).columns * s.co, slot_alignment);
}

inline int64_t conv2d_dx_packed(const ConvShape& s) {
  int64_t size = 0;
  for (int ry = 0; ry < s.stride; ++ry)
    for (int rx = 0; rx < s.stride; ++rx) size += round_up(packed_size(conv2d_dx_weights(s, ry, rx, nullptr)), lanes);
  return round_up(size, slot_alignment);
}

inline int64_t conv2d_dx_workspace(const ConvShape& s) {
  return conv2d_dx_packed(s) + max_threads() * conv2d_dx_slot(s);
}

/// The pixels of a part of dx that leave remainder (ry, rx); `in` has the window of dy for each image of the part.
inline void conv2d_dx_pass(const ConvShape& s, const Part& part, int ry, int rx, const PassWeights& weights,
                           const Window& window, const real* packed, const real* in, real* dx) {
  const int64_t skip_y = (s.stride + ry - (part.row + s.pad) % s.stride) % s.stride;  // to the first such pixel
  const int64_t skip_x = (s.stride + rx - s.pad % s.stride) % s.stride;
  const int64_t line = window.columns * s.co, image = int64_t(s.h) * s.w * s.ci;
  const PixelGrid grid{part.images,
                       ceil_div(larger(0, part.rows - skip_y), s.stride),
                       ceil_div(larger(0, s.w - skip_x), s.stride),
                       window.rows * line,
                       line,
                       s.co,
                       image,
                       int64_t(s.stride) * s.w * s.ci,
                       int64_t(s.stride) * s.ci};
  const int64_t first_y = (part.row + skip_y + s.pad) / s.stride - (weights.rows - 1) - window.row;
  const int64_t first_x = (skip_x + s.pad) / s.stride - (weights.columns - 1) - window.column;
  real* out = dx + part.image * image + ((part.row + skip_y) * s.w + skip_x) * s.ci;
  if (goes_by_taps(s, s.co, s.ci)) {
    const Reach down{s.oh(), grid.rows, 1, first_y, weights.rows},
        across{s.ow(), grid.columns, 1, first_x, weights.columns};
    correlate_by_taps(grid, down, across, weights, line, in, packed, {}, out);
  } else {
    if (weights.rows > 0) in += first_y * line + first_x * s.co;
    correlate(grid, {weights.rows, line, weights.columns * s.co}, s.ci, in, packed, {}, out);
  }
}

inline void conv2d_dx_part(const ConvShape& s, const Part& part, const real* dy, const real* w, const real* packed,
                           real* slot, real* dx) {
  const bool by_taps = goes_by_taps(s, s.co, s.ci);
  const Window window = by_taps ? Window{0, s.oh(), 0, s.ow()} : conv2d_dx_window(s, part.row, part.rows);
  const real* in = dy + part.image * s.oh() * s.ow() * s.co;
  if (!by_taps) {
    copy_window(window, part.images, s.oh(), s.ow(), s.co, in, slot);
    in = slot;
  }
  for (int ry = 0; ry < s.stride; ++ry)
    for (int rx = 0; rx < s.stride; ++rx) {
      const PassWeights weights = conv2d_dx_weights(s, ry, rx, w);
      conv2d_dx_pass(s, part, ry, rx, weights, window, packed, in, dx);
      packed += round_up(packed_size(weights), lanes);
    }
}

inline void conv2d_dx(const ConvShape& s, const real* dy, const real* w, real* workspace, real* dx) {
  const Parts parts = conv2d_dx_parts(s);
  real* packed = workspace;
  for (int ry = 0; ry < s.stride; ++ry)
    for (int rx = 0; rx < s.stride; ++rx) {
      const PassWeights weights = conv2d_dx_weights(s, ry, rx, w);
      pack_weights(weights, packed);
      packed += round_up(packed_size(weights), lanes);
    }
  real* slots = workspace + conv2d_dx_packed(s);
  parallel_for(parts.count(), 1, [&](int64_t begin, int64_t) {
    conv2d_dx_part(s, part_at(parts, begin, s.n, s.h), dy, w, workspace, slots + thread_index() * conv2d_dx_slot(s),
                   dx);
  });
}

#include "conv_dw.inl"
