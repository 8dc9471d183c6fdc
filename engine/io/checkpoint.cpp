#include "checkpoint.h"

#include "../ops.h"
#include "../tape.h"

namespace erg::io {

namespace {

/// A weight in the layout of files, and back.
Tensor to_file(const Visitor::Entry& e) {
  if (e.layout == Layout::plain || e.tensor->rank() < 2) return *e.tensor;
  return e.tensor->rank() == 2 ? permute(*e.tensor, {1, 0}) : permute(*e.tensor, {3, 2, 0, 1});
}

Tensor from_file(const Visitor::Entry& e, const Tensor& t) {
  if (e.layout == Layout::plain || t.rank() < 2) return t;
  return t.rank() == 2 ? permute(t, {1, 0}) : permute(t, {2, 3, 1, 0});
}

Shape file_shape(const Visitor::Entry& e) {
  const Shape& s = e.tensor->shape();
  if (e.layout == Layout::plain || s.rank() < 2) return s;
  return s.rank() == 2 ? Shape{s[1], s[0]} : Shape{s[3], s[2], s[0], s[1]};
}

}  // namespace

StateDict state_of(std::span<const Visitor::Entry> entries) {
  const Pause pause;
  StateDict dict;
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
