#include "checkpoint.h"

#include <algorithm>

#include "../ops.h"
#include "../tape.h"
#include "error.h"

namespace erg::io {

namespace {

constexpr const char *format_key = "format", *format = "pt";

bool has_image_units(const Visitor::Entry& e) { return e.units.in > 1 || e.units.out > 1; }

/// Along one axis, what is there as a matrix [rows, ...] by rows is then there by columns.
Tensor by_columns(const Tensor& t, int axis, int64_t rows) {
  int64_t before = 1, behind = 1;
  for (int i = 0; i < axis; ++i) before *= t.dim(i);
  for (int i = axis + 1; i < t.rank(); ++i) behind *= t.dim(i);
  return reshape(permute(reshape(t, {before, rows, t.dim(axis) / rows, behind}), {0, 2, 1, 3}), t.shape());
}

enum class Order { pixels_first, channels_first };

/// The numbers of an image in a row, [H W, C], in the order of files, [C, H W], or back.
Tensor reorder(const Visitor::Entry& e, Tensor t, Order to) {
  const auto along = [&](int axis, int64_t channels) {
    if (channels > 1) t = by_columns(t, axis, to == Order::channels_first ? t.dim(axis) / channels : channels);
  };
  if (e.layout == Layout::weight) along(0, e.units.in);
  along(t.rank() - 1, e.units.out);
  return t;
}

/// A tensor in the layout of files, and back.
Tensor to_file(const Visitor::Entry& e) {
  const Tensor t = reorder(e, *e.tensor, Order::channels_first);
  if (e.layout == Layout::plain || t.rank() < 2) return t;
  return t.rank() == 2 ? permute(t, {1, 0}) : permute(t, {3, 2, 0, 1});
}

Tensor from_file(const Visitor::Entry& e, const Tensor& file) {
  Tensor t = file;
  if (e.layout == Layout::weight && t.rank() == 2) t = permute(t, {1, 0});
  if (e.layout == Layout::weight && t.rank() == 4) t = permute(t, {2, 3, 1, 0});
  return reorder(e, t, Order::pixels_first);
}

Shape file_shape(const Visitor::Entry& e) {
  const Shape& s = e.tensor->shape();
  if (e.layout == Layout::plain || s.rank() < 2) return s;
  return s.rank() == 2 ? Shape{s[1], s[0]} : Shape{s[3], s[2], s[0], s[1]};
}

}  // namespace

void check_format(const StateDict& dict) {
  // Before there was this mark, erg kept the weights beside an image in its own order, which has the same shapes.
  if (!dict.metadata.empty() && !dict.metadata.contains(format_key))
    throw DataError(dict.source,
                    "expected 'format' among its metadata, got none: it is a checkpoint of an earlier erg, whose "
                    "weights beside an image are in another order: train it again; or, if another program wrote it, "
                    "let it write format = pt");
}

StateDict state_of(std::span<const Visitor::Entry> entries) {
  const Pause pause;
  StateDict dict;
  dict.metadata[format_key] = format;
  for (const Visitor::Entry& e : entries) {
    if (e.tensor)
      dict.tensors[e.name] = to_file(e);
    else
      dict.set_counter(e.name, e.read());
  }
  return dict;
}

void restore(std::span<const Visitor::Entry> entries, const StateDict& dict, const std::string& prefix) {
  const Pause pause;
  if (std::ranges::any_of(entries, has_image_units)) check_format(dict);
  for (const Visitor::Entry& e : entries) {
    if (e.tensor)
      dict.tensor(prefix + e.name, file_shape(e));
    else
      dict.counter(prefix + e.name);
  }
  for (const Visitor::Entry& e : entries) {
    if (e.tensor)
      e.tensor->copy_(from_file(e, dict.tensor(prefix + e.name)).to(e.tensor->device()));
    else
      e.write(dict.counter(prefix + e.name));
  }
}

}  // namespace erg::io
