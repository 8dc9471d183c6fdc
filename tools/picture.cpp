#include "picture.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace erg::tools {

namespace {

using Colour = std::array<double, 3>;

/// Piecewise linear between anchors, t in [0,1].
template <size_t n>
Colour ramp(const std::array<Colour, n>& anchors, double t) {
  const double position = std::clamp(t, 0.0, 1.0) * double(n - 1);
  const size_t i = std::min(size_t(position), n - 2);
  const double f = position - double(i);
  Colour c;
  for (size_t k = 0; k < 3; ++k) c[k] = anchors[i][k] * (1 - f) + anchors[i + 1][k] * f;
  return c;
}

const std::array<Colour, 4> ink = {{{255, 255, 255}, {120, 170, 220}, {30, 80, 160}, {10, 20, 70}}};
const std::array<Colour, 5> heat = {{{8, 6, 30}, {80, 20, 110}, {185, 55, 90}, {245, 140, 50}, {255, 250, 200}}};

class Canvas {
 public:
  explicit Canvas(const View& view)
      : view_(view),
        image_{view.size, view.size, 3, std::vector<uint8_t>(size_t(3) * size_t(view.size) * size_t(view.size), 255)} {}

  /// The column (or, mirrored, row) of a coordinate.
  double pixel(double coordinate) const { return (coordinate / view_.extent + 1) / 2 * view_.size; }
  void set(int column, int row, const Colour& c) {
    if (column < 0 || row < 0 || column >= view_.size || row >= view_.size) return;
    for (size_t k = 0; k < 3; ++k)
      image_.pixels[size_t(row * view_.size + column) * 3 + k] = uint8_t(std::lround(c[k]));
  }
  void circle(double x, double y, double radius, const Colour& c) {
    const int points = 90;
    for (int i = 0; i < points; ++i) {
      const double angle = 2 * std::numbers::pi * i / points;
      set(int(pixel(x + radius * std::cos(angle))), int(view_.size - pixel(y + radius * std::sin(angle))), c);
    }
  }
  io::Image take() { return std::move(image_); }

 private:
  View view_;
  io::Image image_;
};

}  // namespace

io::Image scatter_picture(const Tensor& samples, const std::optional<Mixture>& mixture, const View& view) {
  Canvas canvas(view);
  if (mixture)
    for (const auto& c : mixture->centres) canvas.circle(c[0], c[1], 3 * mixture->deviation, {225, 140, 90});

  // Each sample is a dot of 2 x 2 pixels; a pixel's shade saturates with the number of dots on it.
  std::vector<int> hits(size_t(view.size) * size_t(view.size), 0);
  const std::vector<real> points = samples.to_host();
  for (size_t i = 0; i + 1 < points.size(); i += 2) {
    const double column = canvas.pixel(points[i]), row = view.size - canvas.pixel(points[i + 1]);
    if (!(column >= 0 && row >= 0 && column < view.size - 1 && row < view.size - 1)) continue;
    for (int dy = 0; dy < 2; ++dy)
      for (int dx = 0; dx < 2; ++dx) ++hits[size_t(int(row) + dy) * size_t(view.size) + size_t(int(column) + dx)];
  }
  for (int row = 0; row < view.size; ++row)
    for (int column = 0; column < view.size; ++column)
      if (const int h = hits[size_t(row) * size_t(view.size) + size_t(column)])
        canvas.set(column, row, ramp(ink, 1 - std::pow(0.65, h)));
  return canvas.take();
}

io::Image energy_picture(const Energy& energy, const View& view) {
  std::vector<real> grid;
  for (int row = 0; row < view.size; ++row)
    for (int column = 0; column < view.size; ++column) {
      grid.push_back(real(((column + 0.5) / view.size * 2 - 1) * view.extent));
      grid.push_back(real((1 - (row + 0.5) / view.size * 2) * view.extent));
    }
  const int64_t n = int64_t(view.size) * view.size;
  const std::vector<real> e = energy(Tensor::from_host({n, 2}, grid)).to_host();
  std::vector<real> sorted = e;
  std::sort(sorted.begin(), sorted.end());
  const double lowest = sorted.front(), range = std::max(double(sorted[size_t(n / 2)]) - lowest, 1e-12);

  Canvas canvas(view);
  for (int row = 0; row < view.size; ++row)
    for (int column = 0; column < view.size; ++column)
      canvas.set(column, row, ramp(heat, 1 - (e[size_t(row) * size_t(view.size) + size_t(column)] - lowest) / range));
  return canvas.take();
}

io::Image sample_picture(const Tensor& samples, const std::optional<Mixture>& mixture) {
  if (samples.rank() != 4) return scatter_picture(samples, mixture);
  const int64_t count = samples.dim(0), channels = samples.dim(3);
  if (channels == 1 || channels == 3) return io::image_grid(samples);
  // A stack of other than three digits: side by side.
  const Tensor digits = reshape(permute(samples, {0, 3, 1, 2}), {count * channels, samples.dim(1), samples.dim(2), 1});
  return io::image_grid(digits, {.columns = int(5 * channels)});
}

}  // namespace erg::tools
