// Visitor: the one way to walk what a model is made of.
//
// A layer, a network, an optimiser or a whole system has one member `void visit(Visitor& v)` that names its parts:
//
//   void visit(Visitor& v) { v.param("weight", weight, Layout::weight); v.buffer("mean", mean); v.sub("head", head); }
//
// Parameter lists, names, counting, saving, loading and moving averages all come from it; there is no module base
// class.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor.h"

namespace erg {

/// How a tensor is laid out in files: `weight` marks matrices ([in,out] here, [out,in] there) and convolution kernels
/// ([kh,kw,ci,co] here, [co,ci,kh,kw] there), which files keep the way PyTorch does.
enum class Layout { plain, weight };

/// Of a layer between an image and the same numbers in a row: how many channels the image has that its inputs come
/// from, or its outputs become; 0 where there is none. The row goes pixel by pixel here and channel by channel in
/// files, because PyTorch flattens [C,H,W].
struct ImageUnits {
  int64_t in = 0, out = 0;
};

/// What visit() is called with: it hears of everything that a part names.
class Visitor {
 public:
  /// One thing that a part names.
  struct Entry {
    std::string name;  // "generator.3.weight"
    Tensor* tensor;    // null for a counter
    Layout layout = Layout::plain;
    ImageUnits units = {};                // of the layer it belongs to
    bool trained = false;                 // a parameter, not a buffer
    std::function<uint64_t()> read = {};  // for counters: steps taken, random states
    std::function<void(uint64_t)> write = {};
  };
  /// Hears of each.
  using OnEntry = std::function<void(const Entry&)>;

  /// Calls on_entry for everything that it is shown.
  explicit Visitor(OnEntry on_entry) : on_entry_(std::move(on_entry)) {}

  /// A tensor that training changes by its gradient.
  void param(const std::string& name, Tensor& t, Layout layout = Layout::plain) {
    on_entry_({prefix_ + name, &t, layout, units_, true});
  }
  /// A tensor that is state all the same: running statistics, moments, chains.
  void buffer(const std::string& name, Tensor& t, Layout layout = Layout::plain) {
    on_entry_({prefix_ + name, &t, layout, units_, false});
  }
  /// A whole number that is state: steps taken.
  void counter(const std::string& name, uint64_t& n) {
    counter(
        name, [&n] { return n; }, [&n](uint64_t value) { n = value; });
  }
  /// The same where the number is not simply a variable.
  void counter(const std::string& name, std::function<uint64_t()> read, std::function<void(uint64_t)> write) {
    on_entry_({prefix_ + name, nullptr, Layout::plain, {}, false, std::move(read), std::move(write)});
  }

  /// All that a part of this part names, as "name.entry".
  template <class Part>
  void sub(const std::string& name, Part& part) {
    const std::string outer = std::exchange(prefix_, prefix_ + name + ".");
    part.visit(*this);
    prefix_ = outer;
  }
  /// The same of a layer that has an image's numbers in a row before or behind it.
  template <class Part>
  void sub(const std::string& name, Part& part, ImageUnits units) {
    const ImageUnits outer = std::exchange(units_, units);
    sub(name, part);
    units_ = outer;
  }

 private:
  OnEntry on_entry_;
  std::string prefix_;
  ImageUnits units_;
};

/// Everything a part holds, in the order it is visited. The tensors' names are unique by construction of visit().
template <class Part>
std::vector<Visitor::Entry> entries(Part& part) {
  std::vector<Visitor::Entry> all;
  Visitor v([&](const Visitor::Entry& e) { all.push_back(e); });
  part.visit(v);
  return all;
}

/// The trained tensors of one or several parts: what a tape watches and an optimiser updates.
template <class... Part>
std::vector<Tensor> params(Part&... part) {
  std::vector<Tensor> all;
  Visitor v([&](const Visitor::Entry& e) {
    if (e.trained) all.push_back(*e.tensor);
  });
  (part.visit(v), ...);
  return all;
}

/// Moves everything a part holds to a device. Before optimisers are built: they keep the parameters' memory.
template <class Part>
Part on_device(Part part, Device device) {
  for (const Visitor::Entry& e : entries(part))
    if (e.tensor) *e.tensor = e.tensor->to(device);
  return part;
}

/// How many numbers are trained, in all parts.
template <class... Part>
int64_t count_params(Part&... part) {
  int64_t n = 0;
  for (const Tensor& t : params(part...)) n += t.size();
  return n;
}

}  // namespace erg
