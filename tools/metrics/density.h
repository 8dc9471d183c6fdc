// Energies in the plane as densities: normalised on a grid, compared with data by likelihood; and histograms on it.
#pragma once

#include "../../engine/energy.h"
#include "../data.h"
#include "divergence.h"

namespace erg::tools {

/// The square [-extent, extent]^2 in cells x cells squares.
struct Grid {
  double extent = 2;
  int cells = 500;

  double cell_width() const { return 2 * extent / cells; }
};

/// exp(-E) / Z on a grid, by the midpoint rule: exact to many digits where no bump is narrower than two cells.
struct GridDensity {
  Grid grid;
  double log_partition;       // log Z = log of the integral of exp(-E) over the square
  std::vector<double> cells;  // probability of each, sum 1; cell (column, row) at row * grid.cells + column
};

/// Evaluates the energy at the centres of the cells, on a device. Law outside the square counts for nothing. Throws
/// std::invalid_argument where an energy is NaN or nowhere finite.
GridDensity normalise(const Energy& energy, const Grid& grid = {}, Device device = cpu_device);

/// -integral p log p, in nats: that of N(0, s^2 I) is 1 + log(2 pi s^2).
double entropy(const GridDensity& density);

/// The mean of -E(x) - log Z over points [N,2], in nats; -infinity where one lies outside the square.
double log_likelihood(const Energy& energy, const GridDensity& density, const Tensor& points);
/// The same of a mixture's true density: the most a model can reach in expectation.
double log_likelihood(const Mixture& mixture, const Tensor& points);

/// How many points [N,2] fall into each cell; the last count is of those outside, and of NaNs.
std::vector<int64_t> histogram(const Tensor& points, const Grid& grid);

}  // namespace erg::tools
