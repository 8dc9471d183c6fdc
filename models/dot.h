// DOT: discriminator optimal transport (Tanaka 2019).
//
// A critic d with Lipschitz constant k is the potential of an optimal transport of G's samples to the data's, by
//
//   T(y)  in  argmin_x  |x - y| - d(x) / k                    in data space, y = G(z_y); or
//   T(z_y) in argmin_z  |z - z_y| - d(G(z)) / k               in latent space, then G.
//
// (It is "in": the paper's "=" is corrected in its errata, for along a ray of the transport every point is a minimum.)
// The minimum is sought by a few steps of gradient descent from y. In its place the authors' code has the norm
// |x - y + 0.001|, each coordinate shifted, so that it has a gradient at y; k is the largest |d - d'| / |x - x'| of 100
// pairs of samples.
//
// In latent space z must stay where the prior is. Uniform noise is clamped to its box. Normal noise in high dimensions
// lives on a sphere, and the gradient g is projected on its tangent, g - z <z, g> / |z|^2. (The authors' code divides
// by 11.31 = sqrt(128), their |z|, and not by its square: it subtracts the radial part eleven times over.)
#pragma once

#include <limits>

#include "refiner.h"

namespace erg {

struct Dot {
  /// Where the transport is sought.
  enum class Space { latent, data };

  Space space = Space::latent;
  int64_t updates = 30;  // 10 to 100 in the paper
  real rate = real(0.01);
  real lipschitz = 0;      // k; 0: estimated by the pairs
  bool tangential = true;  // project the gradient on the sphere through z
  real low = -std::numeric_limits<real>::infinity(), high = std::numeric_limits<real>::infinity();  // to clamp it to

  /// In latent space, for a normal prior.
  static Dot latent_normal() { return {}; }
  /// In latent space, for a uniform prior on [-1,1].
  static Dot latent_uniform() { return {.tangential = false, .low = -1, .high = 1}; }
  /// In data space, within a box.
  static Dot data(real low, real high) { return {.space = Space::data, .tangential = false, .low = low, .high = high}; }

  /// Throws std::invalid_argument unless updates >= 0, rate > 0, lipschitz >= 0 and low <= high.
  void check() const;
  /// What is descended, |x - y + 0.001| - d(x) / k: a function of x [B,...] -> [B].
  static Energy objective(const Energy& critic, const Tensor& y, real lipschitz);
  /// Where y [B,...] is transported to. `critic` is d or d(G(.)): [B,...] -> [B].
  Tensor transport(const Energy& critic, const Tensor& y, real lipschitz) const;
  /// The largest slope of the critic between a [B,...] and b, row by row. Waits for the device. Throws
  /// std::invalid_argument where it is no finite number.
  static real slope(const Energy& critic, const Tensor& a, const Tensor& b);

  /// Throws std::invalid_argument for a logit that has no gradient.
  Refined sample(const GanView& gan, int64_t count, Noise& noise) const;
};

}  // namespace erg
