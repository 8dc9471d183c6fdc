// What the recipes of ladder networks share: the network, its constants, and its pixels, which are in [0,1].
#pragma once

#include "../../models/ladder.h"
#include "recipe.h"

namespace erg::tools {

/// The paper's six layers at --critic-width 1000 (784-1000-500-250-250-250-10 on MNIST), the others in proportion, on
/// the device of the settings. Throws UsageError for data without labels.
LadderNet ladder_net(const Settings& settings, const Shape& sample, Noise& noise);

/// --cost-weight, or by default the paper's: 5000 with up to 100 labels, 2000 with more.
real ladder_weight(const Settings& settings);

/// The constants of the paper with 100 labels, in 150 passes over MNIST by batches of 100.
Settings ladder_settings(Settings settings);

/// A system whose pixels are in [0,1] as the program sees it, which has them in [-1,1].
template <class System>
class UnitPixels {
 public:
  template <class Make>
  explicit UnitPixels(const Make& make) : system_(make()) {}

  Metrics step(const LabelledBatches& labelled, const Batches& next) {
    const auto unit_labelled = [&] {
      const Labelled batch = labelled();
      return Labelled{to_unit(batch.x), batch.y};
    };
    return system_.step(unit_labelled, [&] { return to_unit(next()); });
  }
  void set_rate(real rate) { system_.set_rate(rate); }
  Tensor logits(const Tensor& x) { return system_.logits(to_unit(x)); }
  void visit(Visitor& v) { system_.visit(v); }

  Tensor prior(int64_t count, Noise& noise) const requires requires(const System& s) { s.prior(count, noise); }
  { return system_.prior(count, noise); }
  Tensor generate(const Tensor& z) requires requires(System& s) { s.generate(z); }
  { return 2 * system_.generate(z) - 1; }

 private:
  static Tensor to_unit(const Tensor& x) { return (x + 1) / 2; }

  System system_;
};

}  // namespace erg::tools
