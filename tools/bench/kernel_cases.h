// What `erg bench ops` measures: the kernels in which models and samplers spend their time, at the shapes they meet
// there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "law.h"
#include "rulers.h"

namespace erg::tools {

/// A kernel with memory of its own to work on: as many launches as one likes, each the same work.
struct KernelRun {
  std::function<void()> launch;
  /// The same work by a ruler on the same memory, where there is one. What this holds must outlive the ruler.
  std::function<std::optional<Ruler>(Rulers& rulers)> ruler;
  /// Whether one launch, the first, did what it should; empty for chains, whose law `erg bench langevin` checks.
  std::function<LawCheck()> check{};
};

struct KernelCase {
  std::string kernel, shape;
  double operations;  // multiplications and additions of a launch; 0 where its time is that of its bytes
  double bytes;       // that it cannot but move
  bool is_product;    // on a GPU, in tf32 as well as in fp32
  std::function<KernelRun(Precision precision)> prepare;
};

std::vector<std::string> kernel_names();
/// The cases of this kernel, or of all for "". `small` has other shapes, for CPUs and emulated GPUs.
std::vector<KernelCase> kernel_cases(const std::string& only, Device device, bool small);

}  // namespace erg::tools
