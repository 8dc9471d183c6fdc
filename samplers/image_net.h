// Recognises energies whose Langevin step can end in one kernel: networks that begin with a convolution of x.
#pragma once

#include <optional>

#include "../engine/energy.h"
#include "../kernels/conv.h"

namespace erg {

/// An energy's derivative as far as its first layer's output. The gradient in x is conv2d_dx(cotangent, weight), which
/// a sampler can have computed together with its move (kernels/conv_fused.h).
struct BeforeImage {
  kernels::ConvShape shape;
  Tensor weight;
  Tensor energy;     // [B]
  Tensor cotangent;  // of the convolution's output
};

/// The energy at images x [B,H,W,C], if it holds a NetEnergy whose first layer is a Conv2d. Throws as NetEnergy does.
std::optional<BeforeImage> evaluate_before_image(const Energy& energy, const Tensor& x);

}  // namespace erg
