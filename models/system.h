// What all systems share: how a training step gets its data and what it reports.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "../engine/energy.h"
#include "../engine/nn.h"
#include "../engine/optim.h"
#include "../engine/tape.h"

namespace erg {

/// The next minibatch of real samples, [B,...]. A step asks for as many as its algorithm needs.
using Batches = std::function<Tensor()>;

/// Scalars of one training step, left on the device until somebody reads them.
struct Metric {
  std::string name;
  Tensor value;
};
using Metrics = std::vector<Metric>;

/// A critic or energy network's output as one number a sample: [B,1] -> [B].
inline Tensor scores(const Tensor& output) { return reshape(output, {output.dim(0)}); }

}  // namespace erg
