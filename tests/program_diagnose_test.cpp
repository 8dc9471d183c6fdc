// `erg diagnose` from outside: its table, its JSON, its verdicts as exit codes, and what it refuses.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "engine/io/npy.h"
#include "engine/ops.h"
#include "engine/random.h"
#include "io_support.h"
#include "run_program.h"

namespace erg::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// An empty folder of its own for each test.
class ProgramDiagnose : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const Tensor& x) const {
    io::write_npy(path(name), x);
    return path(name);
  }

  /// Independent draws [4, 500, 3], with those of quantity 2 in chain 0 moved by `shift`.
  static Tensor draws(real shift) {
    const Tensor x = Noise(7, "test").normal({4, 500, 3});
    std::vector<real> moved(size_t(x.size()));
    for (size_t i = 2; i < 1500; i += 3) moved[i] = shift;
    return x + Tensor::from_host(x.shape(), moved);
  }

 private:
  io::TemporaryFolder folder_;
};

Outcome diagnose(const std::string& arguments) { return run_program("diagnose " + arguments); }

int64_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

TEST_F(ProgramDiagnose, TheExitCodeIsTheVerdict) {
  const Outcome ok = diagnose(write("ok.npy", draws(0)));
  EXPECT_EQ(ok.code, 0) << ok.out;
  EXPECT_EQ(lines(ok.out), 6) << "a head, three quantities, a gap, the verdict";
  EXPECT_THAT(ok.out, HasSubstr("\nok: R-hat up to 1.0"));

  const Outcome warn = diagnose(write("warn.npy", draws(real(0.35))));
  EXPECT_EQ(warn.code, 1) << warn.out;
  EXPECT_THAT(warn.out,
              ContainsRegex("\nwarn: R-hat up to 1\\.0[1-4][0-9]+ in x\\[2\\] \\(limit 1\\.01\\), ESS down to"));

  const Outcome error = diagnose(write("error.npy", draws(2)));
  EXPECT_EQ(error.code, 2) << error.out;
  EXPECT_THAT(error.out, ContainsRegex("\nerror: R-hat up to 1\\.[1-9]"));
}

TEST_F(ProgramDiagnose, WhatIsNotFiniteIsAnError) {
  const Outcome outcome = diagnose(write("x.npy", draws(std::numeric_limits<real>::infinity())));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, ContainsRegex("x\\[2\\] +nan +nan +nan +nan +nan +nan\n"));
  EXPECT_THAT(outcome.out, HasSubstr("error: 1 of 3 cannot be estimated"));
  EXPECT_THAT(outcome.out, HasSubstr("; else R-hat up to 1.0"));
}

TEST_F(ProgramDiagnose, RowsShowsTheWorst) {
  const Outcome outcome = diagnose(write("x.npy", draws(2)) + " --rows 1");
  EXPECT_THAT(outcome.out, ContainsRegex("ESS tail\nx\\[2\\].*\nand 2 that are no worse\n"));
  EXPECT_EQ(diagnose(path("x.npy") + " --rows 3").out, diagnose(path("x.npy")).out);
}

TEST_F(ProgramDiagnose, EveryLayoutSaysTheSame) {
  const Tensor x = draws(0);
  const std::string chains_first = diagnose(write("a.npy", x)).out;
  EXPECT_EQ(diagnose(write("b.npy", permute(x, {1, 0, 2})) + " --draws-first").out, chains_first);

  const Tensor one = Noise(8, "test").normal({1, 600});
  const Outcome matrix = diagnose(write("c.npy", one)), vector = diagnose(write("d.npy", one.with_shape({600})));
  EXPECT_EQ(matrix.code, 0) << matrix.out;
  EXPECT_EQ(vector.out, matrix.out);
  EXPECT_EQ(diagnose(write("e.npy", one.with_shape({600, 1})) + " --draws-first").out, matrix.out);
}

TEST_F(ProgramDiagnose, ManyChainsOfFewDrawsAreQuestioned) {
  const std::string file = write("x.npy", Tensor::ones({8, 5}));
  EXPECT_THAT(diagnose(file).out, HasSubstr("8 chains of 5 draws?"));
  EXPECT_THAT(diagnose(file + " --quiet").out, Not(HasSubstr("draws?")));
}

TEST_F(ProgramDiagnose, TracesHaveATable) {
  const std::string file = write("x.npy", draws(0)), ones = write("ones.npy", Tensor::ones({4, 500}));
  const std::string energy = write("energy.npy", Noise(9, "test").normal({4, 500}));
  const Outcome outcome = diagnose(file + " --acceptance " + ones + " --energy " + energy + " --hamiltonian " + energy);
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(outcome.out, ContainsRegex("chain +acceptance +energy +sd +E-BFMI\n0 +1 "));
  EXPECT_THAT(outcome.out, ContainsRegex("E-BFMI down to 1\\.[89][0-9]+ \\(limit 0\\.3\\)\n"));
  EXPECT_EQ(diagnose(file + " --hamiltonian " + ones).code, 2) << "an energy that stands still";
}

TEST_F(ProgramDiagnose, JsonHoldsAllOfIt) {
  const Outcome outcome = diagnose(write("x.npy", draws(std::numeric_limits<real>::infinity())) + " --json");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out, StartsWith("{\n  \"chains\": 4,\n  \"draws\": 500,\n  \"verdict\": \"error\","));
  EXPECT_THAT(outcome.out, ContainsRegex("\"name\": \"x\\[1\\]\",\n +\"mean\": -?0\\.0[0-9]+,"));
  EXPECT_THAT(outcome.out, ContainsRegex("\"name\": \"x\\[2\\]\",\n +\"mean\": null,"));
  EXPECT_THAT(outcome.out, HasSubstr("\"ess_tail\": null"));
}

TEST_F(ProgramDiagnose, RefusesWhatItCannotRead) {
  const auto refuses = [](const std::string& arguments, int code, const std::string& message) {
    const Outcome outcome = diagnose(arguments);
    EXPECT_EQ(outcome.code, code) << outcome.out;
    EXPECT_EQ(lines(outcome.out), 1) << outcome.out;
    EXPECT_THAT(outcome.out, StartsWith("erg: "));
    EXPECT_THAT(outcome.out, HasSubstr(message));
  };
  const std::string good = write("good.npy", draws(0)), deep = write("deep.npy", Tensor::ones({2, 8, 2, 2}));
  std::ofstream(path("text.npy")) << "no array";
  refuses("/nowhere/x.npy", 66, "/nowhere/x.npy");
  refuses(path("text.npy"), 65, "text.npy: expected an npy file");
  refuses(deep, 65, "deep.npy: [diagnose] expected draws [chains, draws] or [chains, draws, n], got [2,8,2,2]");
  refuses(good + " --energy " + good, 65, "energy: expected [4,500], got [4,500,3]");
  refuses("", 64, "input is missing");
  refuses(good + " --rows -1", 64, "--rows: expected a whole number of at least 0, below 2^31, got -1");
  refuses(good + " --colour", 64, "--colour");
}

}  // namespace
}  // namespace erg::test
