#include "alarms.h"

#include "../models/ebm.h"

namespace erg::tools {

namespace {

constexpr size_t reports = 100;

std::optional<double> value_of(const Values& values, std::string_view wanted) {
  for (const auto& [name, value] : values)
    if (name == wanted) return value;
  return {};
}

}  // namespace

std::optional<std::string> Alarms::see(const Values& values) {
  const auto gap = value_of(values, "gap");
  if (!gap || !value_of(values, "E(x')")) return {};
  gaps_.push_back(*gap);
  if (const auto gradient = value_of(values, "grad(x')")) gradients_.push_back(*gradient);
  if (gaps_.size() < reports) return {};

  const EnergyTrend trend = energy_trend(gaps_, gradients_);
  gaps_.clear();
  gradients_.clear();
  const std::string line = trend == EnergyTrend::balanced ? "" : describe(trend);
  const bool news = line != told_ && !line.empty();
  told_ = line;
  return news ? std::optional(line) : std::nullopt;
}

}  // namespace erg::tools
