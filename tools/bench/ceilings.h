// Ceilings: what a device can do at most, measured with work that does nothing else, on as many threads as the kernels
// use and at their instruction set. A workload's rate is told as a fraction of the one that binds it.
//
// On the CPU they are loops of ours: multiply-adds in registers, and the triad x += s y over arrays that fit the cache
// and over larger ones. On a GPU they are a copy of arrays too large for its cache, and products of large matrices:
// cuBLAS's where it is found, else our own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report.h"
#include "rulers.h"
#include "timing.h"

namespace erg::tools {

struct Ceiling {
  std::string name, unit;
  double work;  // billions of the unit in a call
  Timed timed;

  double rate() const { return work / timed.median(); }
};

/// Work that cannot be had in less time than this, and the ceiling that says so.
struct Bound {
  std::string ceiling;
  double seconds;
};

class Ceilings {
 public:
  /// `small` measures on little work, where a GPU is emulated: the figures then mean nothing.
  Ceilings(Device device, Rulers& rulers, bool small);

  void measure();
  std::vector<CeilingFigure> figures() const;
  /// What there is to say of them, a line each.
  const std::vector<std::string>& remarks() const { return remarks_; }
  /// Multiplications and additions, which overlap with bytes moved. Of the two bounds the higher one binds.
  Bound bound(double operations, double bytes, Precision precision) const;

 private:
  std::vector<std::string> remarks_;
  std::map<Precision, Ceiling> products_;
  std::map<double, Ceiling> memory_;  // by the largest work, in bytes, that it is a ceiling of
};

}  // namespace erg::tools
