// Timing by turns: several bodies measured one after the other, round after round, so that a slow moment of the machine
// meets them all. A body's time is the median over its rounds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "../../engine/device.h"

namespace erg::tools {

/// The middle one, or the mean of the two in the middle. There must be one.
inline double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/// Seconds until a device has done all that some calls of a body launched.
inline double seconds_of(const std::function<void()>& body, Device device, int calls = 1) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < calls; ++i) body();
  synchronise(device);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A body that is measured. On a GPU a measurement lasts until the device has done all that the body's calls launched;
/// between them nobody waits, so that launches overlap with work, as they do where it matters.
class Timed {
 public:
  /// Warms up, and finds how many calls make a measurement long enough for the clock.
  explicit Timed(std::function<void()> body, Device device = cpu_device) : body_(std::move(body)), device_(device) {
    body_();
    synchronise(device_);
    calls_ = std::max(1, int(std::ceil(shortest / seconds_of(body_, device_))));
  }
  void measure() { seconds_.push_back(seconds_of(body_, device_, calls_) / calls_); }
  /// Seconds a call: the median of the measurements, of which there must be one.
  double median() const { return median_of(seconds_); }

 private:
  static constexpr double shortest = 0.03;

  std::function<void()> body_;
  Device device_;
  int calls_ = 1;
  std::vector<double> seconds_;
};

}  // namespace erg::tools
