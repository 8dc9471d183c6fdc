// Works in tiles: an input that is laid out like the output is read where it stands, a broadcast one is first spread
// into a buffer. The loop over a tile is therefore always the same contiguous one, which the compiler vectorises.

constexpr int64_t map_tile = 512;

/// Writes elements [begin, begin + count) of input `i`, broadcast to the output's shape, to buffer.
static void spread(const MapShape& s, int i, const real* x, int64_t begin, int64_t count, real* buffer) {
  const int last = s.rank - 1;
  const int64_t* stride = s.strides[i];
  int64_t index[MapShape::max_rank];
  int64_t rest = begin;
  for (int d = last; d >= 0; --d) {
    index[d] = rest % s.dims[d];
    rest /= s.dims[d];
  }
  while (count > 0) {
    const real* from = x;
    for (int d = 0; d <= last; ++d) from += index[d] * stride[d];
    const int64_t left = s.dims[last] - index[last], run = left < count ? left : count;
    if (stride[last] == 0)
      for (int64_t k = 0; k < run; ++k) buffer[k] = *from;
    else
      for (int64_t k = 0; k < run; ++k) buffer[k] = from[k];
    buffer += run;
    count -= run;
    index[last] = 0;
    for (int d = last - 1; d >= 0 && ++index[d] == s.dims[d]; --d) index[d] = 0;
  }
}

/// Whether input i lies in memory exactly like the output.
static bool is_dense(const MapShape& s, int i) {
  int64_t expected = 1;
  for (int d = s.rank - 1; d >= 0; expected *= s.dims[d--])
    if (s.dims[d] > 1 && s.strides[i][d] != expected) return false;
  return true;
}

/// Whether input i repeats after each row of the last dimension (a bias, or a scalar).
static bool repeats_by_row(const MapShape& s, int i) {
  for (int d = 0; d < s.rank - 1; ++d)
    if (s.strides[i][d] != 0) return false;
  return true;
}

/// f by value: behind a reference its parameters might alias y, and the loop would not vectorise.
template <class F, int... I>
static void map_tile_loop(const F f, const real* const* in, int64_t count, real* __restrict y,
                          std::integer_sequence<int, I...>) {
  ERG_INDEPENDENT
  for (int64_t k = 0; k < count; ++k) y[k] = f(in[I][k]...);
}

template <class F>
static void map_range(const F& f, const MapShape& s, const real* const* x, int64_t begin, int64_t end, real* y) {
  constexpr int n = F::arity;
  static_assert(n <= MapShape::max_inputs);
  alignas(64) real buffer[n][map_tile];
  // Whole rows a tile, where rows are short: then a bias is spread once for all tiles.
  const int64_t row = s.dims[s.rank - 1];
  const int64_t tile = row <= map_tile ? map_tile / row * row : map_tile;
  const int64_t offset = row <= map_tile ? begin % row : 0;
  bool dense[n], spread_once[n];
  const real* in[n];
  for (int i = 0; i < n; ++i) {
    dense[i] = is_dense(s, i);
    spread_once[i] = !dense[i] && row <= map_tile && repeats_by_row(s, i);
    if (spread_once[i]) spread(s, i, x[i], offset, tile, buffer[i]);
    in[i] = buffer[i];
  }
  for (int64_t t = begin; t < end; t += tile) {
    const int64_t count = end - t < tile ? end - t : tile;
    for (int i = 0; i < n; ++i) {
      if (dense[i])
        in[i] = x[i] + t;
      else if (!spread_once[i])
        spread(s, i, x[i], t, count, buffer[i]);
    }
    map_tile_loop(f, in, count, y + t, std::make_integer_sequence<int, n>{});
  }
}
