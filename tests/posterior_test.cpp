// Samplers against the reference draws of posteriordb: means and standard deviations of every parameter of six
// posteriors. Seeds are fixed; a figure that is 4 standard errors off happens by chance once in 16,000.
#include <gtest/gtest.h>

#include "posteriors.h"
#include "samplers/adapt.h"
#include "samplers/diagnostics.h"
#include "samplers/hmc.h"
#include "samplers/mala.h"

namespace erg::test {
namespace {

constexpr int64_t chain_count = 64, draws_per_chain = 250;

// ---- The reference

/// The parameters' names: the first column of NAME.ref.tsv.
std::vector<std::string> read_names(const std::filesystem::path& path) {
  std::ifstream file = open_file(path);
  std::vector<std::string> names;
  std::string line;
  std::getline(file, line);  // the titles
  while (std::getline(file, line)) names.push_back(line.substr(0, line.find('\t')));
  return names;
}

/// What NAME.draws.f64, 10 chains of 1000 independent draws of `count` parameters, says about each of them.
std::vector<Summary> read_reference(const std::filesystem::path& path, size_t count) {
  constexpr int64_t chains = 10, draws = 1000;
  std::vector<double> values(size_t(chains * draws) * count);
  std::ifstream file = open_file(path);
  file.read(reinterpret_cast<char*>(values.data()), std::streamsize(values.size() * sizeof(double)));
  if (!file || file.peek() != EOF)
    throw std::runtime_error(path.string() + " should hold " + std::to_string(values.size()) + " doubles");
  std::vector<Summary> summaries;
  for (size_t parameter = 0; parameter < count; ++parameter) {
    Quantity quantity{chains, draws, {}};
    for (size_t i = parameter; i < values.size(); i += count) quantity.values.push_back(values[i]);
    summaries.push_back(summarize(quantity));
  }
  return summaries;
}

// ---- The comparison

void expect_close(double found, double expected, double found_error, double expected_error, const std::string& what) {
  const double error = std::hypot(found_error, expected_error);
  EXPECT_NEAR(found, expected, 4 * error) << what << ", off by " << (found - expected) / error << " standard errors";
}

void expect_converged_to(const std::vector<Summary>& reference, const std::vector<std::string>& names,
                         const Diagnosis& found) {
  ASSERT_EQ(found.quantities.size(), reference.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const Summary &ours = found.quantities[i], &theirs = reference[i];
    EXPECT_LT(ours.rhat, limits::rhat_warn) << names[i];
    expect_close(ours.mean, theirs.mean, ours.mcse_mean, theirs.mcse_mean, "mean of " + names[i]);
    expect_close(ours.sd, theirs.sd, ours.mcse_sd, theirs.mcse_sd, "standard deviation of " + names[i]);
  }
}

class Posteriors : public testing::TestWithParam<NamedPosterior> {
 protected:
  void SetUp() override {
    folder_ = posterior_folder();
    if (folder_.empty()) GTEST_SKIP() << "needs the data of posteriordb in $ERG_DATA/posteriordb";
  }

  /// Warms chains up from N(0, 1), keeps draws, and compares their parameters' laws with the reference.
  template <class S>
  void sample(const S& sampler, real acceptance, int64_t thin) const {
    const std::string file = folder_ / GetParam().file;
    const Posterior posterior = GetParam().make(Data(file + ".data.txt"));
    Noise noise(1, "test");
    Chains chains(noise.normal({chain_count, posterior.dimension}));
    warm_up(sampler, acceptance, posterior.energy, chains, 200, noise);
    const Draws draws = record(sampler, posterior.energy, chains, draws_per_chain, thin, noise);

    const int64_t d = posterior.dimension;
    const Tensor parameters = posterior.parameters(reshape(draws.x, {chain_count * draws_per_chain, d}));
    const auto names = read_names(file + ".ref.tsv");
    expect_converged_to(read_reference(file + ".draws.f64", names.size()), names,
                        diagnose(reshape(parameters, draws.x.shape()), draws.energy, draws.acceptance));
  }

 private:
  std::filesystem::path folder_;
};

// Without jitter, trajectories of about half a period would leave each dimension's |x - mean| where it was.
TEST_P(Posteriors, HmcFindsTheLaw) { sample(Hmc{.step_size = 0.3f, .leapfrog_steps = 5, .jitter = 0.5f}, 0.8f, 2); }

TEST_P(Posteriors, MalaFindsTheLaw) { sample(Mala{.step_size = 0.2f}, 0.574f, 16); }

INSTANTIATE_TEST_SUITE_P(Six, Posteriors, testing::ValuesIn(posteriors),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace erg::test
