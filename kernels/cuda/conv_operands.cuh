// Convolutions as matrix products: what is multiplied and summed stays where it lies in the image, and the operands
// find it there (panel.cuh). An index of the product is several of the convolution. They are found by division once,
// at the start, and from then on counted up like the digits of a number. Offsets within one image, and within the
// weights, are of 32 bits.
#pragma once

#include "../conv.h"
#include "matrix.cuh"

namespace erg::kernels::cuda {

/// Place `number` of a row-major grid of images x rows x columns.
struct Pixel {
  int image, row, column;
};
ERG_HD Pixel pixel_at(int64_t number, int rows, int columns) {
  const int64_t line = number / columns;
  return {int(line / rows), int(line % rows), int(number % columns)};
}

/// The order in which k goes through a kernel's taps and the channels that each is applied to: all taps for k_tile
/// channels, then for the next. So a block meets each pixel of its part of the image at every tap within a short time,
/// while it is in the L1 cache. Where k_tile does not divide the channels, all of them stay together.
struct TapOrder {
  struct K {
    int channel, column, row, block;  // digits of k, least significant first; the channel is one of its block
  };

  int rows, columns, channels, block;  // `block` channels stay together
  int64_t depth;
  K panel;  // k_tile as such digits

  ERG_HD TapOrder(int rows, int columns, int channels)
      : rows(rows),
        columns(columns),
        channels(channels),
        block(channels % k_tile == 0 ? k_tile : channels),
        depth(int64_t(rows) * columns * channels) {
    panel = depth > 0 ? k(k_tile) : K{};
  }

  ERG_HD K k(int64_t i) const {
    const int64_t tap = i / block;
    const Pixel place = pixel_at(tap, rows, columns);
    return {int(i - tap * block), place.column, place.row, place.image};
  }
  ERG_HD void next(K& k) const { add(k, {1, 0, 0, 0}); }
  ERG_HD void next_panel(K& k) const { add(k, panel); }
  ERG_HD int channel(const K& k) const { return k.block * block + k.channel; }
  ERG_HD bool exists(const K& k) const { return channel(k) < channels; }

 private:
  ERG_HD static int carry(int& digit, int base) {
    const bool full = digit >= base;
    digit -= full ? base : 0;
    return full;
  }
  ERG_HD void add(K& k, const K& by) const {
    k.channel += by.channel;
    k.column += by.column + carry(k.channel, block);
    k.row += by.row + carry(k.column, columns);
    k.block += by.block + carry(k.row, rows);
  }
};

/// A grid of pixels, a kernel's taps at each of them, and the images on which these fall: with outer = (image, row,
/// column) and k = (tap row, tap column, channel), the element is
///     images[image, first_row + step row + direction tap_row, first_column + step column + direction tap_column,
///     channel]
struct Gather {
  static constexpr Order order = Order::along_k;
  static constexpr bool read_again = true;  // by the other taps
  struct Outer {
    const real* from;  // where tap (0, 0), channel 0 lies, if it is inside the image
    int row, column;
  };
  using K = TapOrder::K;

  const real* images;
  int height, width;
  int64_t pixels;
  int rows, columns;  // of the grid
  int first_row, first_column, step, direction;
  TapOrder taps;
  bool whole_groups;

  ERG_HD Outer outer(int64_t i) const {
    if (i >= pixels) return {images, -(1 << 30), 0};  // far above the image, where there are only zeros
    const Pixel pixel = pixel_at(i, rows, columns);
    const int row = first_row + pixel.row * step, column = first_column + pixel.column * step;
    return {images + ((int64_t(pixel.image) * height + row) * width + column) * taps.channels, row, column};
  }
  ERG_HD K k(int64_t i) const { return taps.k(i); }
  ERG_HD void next(K& k) const { taps.next(k); }
  ERG_HD void next_panel(K& k) const { taps.next_panel(k); }
  ERG_HD Element element(const Outer& outer, const K& k) const {
    const int row = direction * k.row, column = direction * k.column;
    const bool inside =
        unsigned(outer.row + row) < unsigned(height) && unsigned(outer.column + column) < unsigned(width);
    const int offset = (row * width + column) * taps.channels + taps.channel(k);
    return {outer.from + offset, inside && taps.exists(k)};
  }
};

}  // namespace erg::kernels::cuda
