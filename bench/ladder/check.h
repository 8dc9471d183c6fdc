// Whether a rung is right: its result on some device beside plain loops in double. No rung is timed before.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/random.h"
#include "engine/tensor.h"
#include "ladder.h"

namespace erg::ladder {

/// A convolution of normals, on a device.
struct ConvWork {
  ConvShape s;
  Tensor x, w;

  ConvWork(const ConvShape& s, Device device);
  /// y, into memory that held NaN.
  Tensor run(const ConvRung& rung) const;
  /// Runs a rung again and again into the same memory.
  std::function<void()> repeated(const ConvRung& rung) const;
  /// What is wrong with the rung's result; empty if nothing is. Looks at every `step`-th element, which should be
  /// prime, so that all channels and columns are met.
  std::string complaint(const ConvRung& rung, int64_t step = 1) const;
};

/// A Langevin step of n normals whose gradients are others, on a device.
struct LangevinWork {
  LangevinUpdate s{.drift = real(0.05), .noise = real(0.3), .low = -1, .high = 1, .grad_clip = real(0.8)};
  Tensor x, g;
  Noise noise;

  LangevinWork(int64_t n, Device device);
  Tensor run(const LangevinRung& rung, const LangevinUpdate& update) const;
  /// Steps the same chains again and again; their noise stays the same.
  std::function<void()> repeated(const LangevinRung& rung) const;
  /// As for convolutions. A rung with normals of its own is judged by their mean and variance.
  std::string complaint(const LangevinRung& rung) const;
};

}  // namespace erg::ladder
