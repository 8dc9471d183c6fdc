// Convolution of deep, small images: tap by tap. Part of conv.inl.
//
// Of a 3x3 window over 4x4 pixels a third lies in the padding. Here each tap is a matrix product of its own, over the
// pixels that it reaches alone: no image is padded, and nothing is multiplied with zeros. The price is that sums go
// through memory after each tap, which wants taps of many channels. A part's sums of one panel stay in the first-level
// cache meanwhile, and so do the weights of a tap.

/// Loading and storing a tile's sums takes as long as so many channels of a tap.
constexpr double channels_per_tap = 20;

/// One dimension of a pass: tap t of output i lies at i*step + t + origin of the input.
struct Reach {
  int64_t inputs, outputs, step, origin;
  int taps;

  /// The outputs whose tap t lies within the input: [first(t), last(t)).
  ERG_HD int64_t first(int t) const { return smaller(outputs, ceil_div(larger(0, -t - origin), step)); }
  ERG_HD int64_t last(int t) const {
    return larger(first(t), smaller(outputs, ceil_div(larger(0, inputs - t - origin), step)));
  }
  /// How many of all pairs of an output and a tap that is.
  ERG_HD double share() const {
    int64_t pairs = 0;
    for (int t = 0; t < taps; ++t) pairs += last(t) - first(t);
    return double(pairs) / double(larger(1, outputs * taps));
  }
};

/// Whether a convolution with `in` channels a tap and `out` results, or its gradient with respect to x, goes tap by
/// tap.
ERG_HD bool goes_by_taps(const ConvShape& s, int in, int out) {
  const Reach down{s.h, s.oh(), s.stride, -s.pad, s.kh}, across{s.w, s.ow(), s.stride, -s.pad, s.kw};
  return out > dot_columns_max && down.share() * across.share() * (in + channels_per_tap) < in;
}

/// A pass over a part as correlate() does it, but `in` is the input without padding, in lines of `line` reals.
inline void correlate_by_taps(const PixelGrid& grid, const Reach& down, const Reach& across, const PassWeights& w,
                              int64_t line, const real* in, const real* packed, const Epilogue& f, real* out) {
  for (int64_t first = 0; first < w.out; first += columns_max) {
    const int columns = int(smaller(columns_max, w.out - first));
    const auto for_each_sum = [&](const auto& change) {
      for_each_tile(grid, rows_max, in, out + first, {}, [&](int rows, const real* const*, TileOut& to) {
        for (int i = 0; i < rows; ++i)
          for (int c = 0; c < columns; ++c) change(to.row[i][c], c);
      });
    };
    for_each_sum([](real& y, int) { y = 0; });
    for (int ky = 0; ky < w.rows; ++ky)
      for (int kx = 0; kx < w.columns; ++kx, packed += int64_t(w.in) * tile_width(columns)) {
        const int64_t row = down.first(ky), column = across.first(kx);
        PixelGrid reached = grid;
        reached.rows = down.last(ky) - row;
        reached.columns = across.last(kx) - column;
        const real* from =
            in + row * grid.in_row + column * grid.in_column + (ky + down.origin) * line + (kx + across.origin) * w.in;
        real* to_first = out + first + row * grid.out_row + column * grid.out_column;
        for_each_tile(reached, rows_max, from, to_first, {}, [&](int rows, const real* const* in_row, TileOut& to) {
          to.columns = columns;
          to.add = true;
          if (columns > lanes)
            broadcast_rows<2>(rows, {1, 0, w.in}, in_row, packed, to);
          else
            broadcast_rows<1>(rows, {1, 0, w.in}, in_row, packed, to);
        });
      }
    if (f.bias) for_each_sum([&](real& y, int c) { y = leaky_relu(y + f.bias[first + c], f.negative_slope); });
  }
}
