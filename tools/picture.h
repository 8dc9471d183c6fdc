// Pictures of 2-D models: where samples fall, and what an energy looks like.
#pragma once

#include "../engine/energy.h"
#include "../engine/io/png.h"
#include "data.h"

namespace erg::tools {

/// The square [-extent, extent]^2 on size x size pixels, y upwards.
struct View {
  double extent = 2;
  int size = 480;
};

/// Samples [B,2] as a cloud, darker where they are denser; the modes of the mixture, if given, as circles of three
/// deviations.
io::Image scatter_picture(const Tensor& samples, const std::optional<Mixture>& mixture, const View& view = {});

/// The landscape of an energy, in other words of -log p: bright at its lowest point over the view, dark from the median
/// energy up. (exp(-E) itself would show little but the deepest well.)
io::Image energy_picture(const Energy& energy, const View& view = {});

/// A batch of samples in the form that suits them: a grid of images, or a scatter of points.
io::Image sample_picture(const Tensor& samples, const std::optional<Mixture>& mixture);

}  // namespace erg::tools
