#include "density.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <stdexcept>

namespace erg::tools {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

void check_points(const char* name, const Tensor& points) {
  if (points.rank() != 2 || points.dim(1) != 2 || points.dim(0) == 0)
    throw std::invalid_argument("[" + std::string(name) + "] wants points [N,2], got " + to_string(points.shape()));
}

/// The number of the row or column that a coordinate falls into, or -1.
int64_t cell_of(const Grid& grid, double coordinate) {
  const double position = (coordinate + grid.extent) / grid.cell_width();
  return position >= 0 && position < grid.cells ? int64_t(position) : -1;
}

}  // namespace

GridDensity normalise(const Energy& energy, const Grid& grid, Device device) {
  if (grid.cells < 1 || !(grid.extent > 0)) throw std::invalid_argument("[normalise] wants a grid with cells");
  const auto centre = [&](int i) { return real(-grid.extent + (i + 0.5) * grid.cell_width()); };
  GridDensity density{grid, 0, {}};
  for (int row = 0; row < grid.cells; ++row) {
    std::vector<real> points;
    for (int column = 0; column < grid.cells; ++column) points.insert(points.end(), {centre(column), centre(row)});
    for (const real e : energy(Tensor::from_host({grid.cells, 2}, points, device)).to_host()) {
      if (std::isnan(e)) throw std::invalid_argument("[normalise] the energy is NaN on the grid");
      density.cells.push_back(-e);
    }
  }
  const double largest = *std::max_element(density.cells.begin(), density.cells.end());
  if (!std::isfinite(largest)) throw std::invalid_argument("[normalise] the lowest energy on the grid is not finite");
  double sum = 0;
  for (double& cell : density.cells) sum += cell = std::exp(cell - largest);
  for (double& cell : density.cells) cell /= sum;
  density.log_partition = largest + std::log(sum) + 2 * std::log(grid.cell_width());
  return density;
}

double entropy(const GridDensity& density) { return entropy(density.cells) + 2 * std::log(density.grid.cell_width()); }

double log_likelihood(const Energy& energy, const GridDensity& density, const Tensor& points) {
  check_points("log_likelihood", points);
  const std::vector<int64_t> counts = histogram(points, density.grid);
  if (counts.back() > 0) return -infinity;
  double sum = 0;
  for (const double e : energy(points).to_host()) sum += e;
  return -sum / double(points.dim(0)) - density.log_partition;
}

double log_likelihood(const Mixture& mixture, const Tensor& points) {
  check_points("log_likelihood", points);
  const std::vector<real> xy = points.to_host();
  const double variance = mixture.deviation * mixture.deviation;
  const double log_peak = -std::log(2 * std::numbers::pi * variance * double(mixture.centres.size()));
  double sum = 0;
  for (size_t i = 0; i < xy.size(); i += 2) {
    std::vector<double> exponents;
    for (const auto& c : mixture.centres) {
      const double dx = xy[i] - c[0], dy = xy[i + 1] - c[1];
      exponents.push_back(-(dx * dx + dy * dy) / (2 * variance));
    }
    const double largest = *std::max_element(exponents.begin(), exponents.end());
    double density = 0;
    for (double e : exponents) density += std::exp(e - largest);
    sum += log_peak + largest + std::log(density);
  }
  return sum / double(points.dim(0));
}

std::vector<int64_t> histogram(const Tensor& points, const Grid& grid) {
  check_points("histogram", points);
  const std::vector<real> xy = points.to_host();
  std::vector<int64_t> counts(size_t(grid.cells) * size_t(grid.cells) + 1, 0);
  for (size_t i = 0; i < xy.size(); i += 2) {
    const int64_t column = cell_of(grid, xy[i]), row = cell_of(grid, xy[i + 1]);
    ++counts[column < 0 || row < 0 ? counts.size() - 1 : size_t(row * grid.cells + column)];
  }
  return counts;
}

}  // namespace erg::tools
