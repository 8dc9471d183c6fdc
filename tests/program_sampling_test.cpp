// Chains on trained runs from outside: every sampler, and what is refused.
#include <gmock/gmock.h>

#include <filesystem>

#include "engine/io/npy.h"
#include "run_program.h"

namespace erg::test {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;

/// One run of each kind of system, trained a little, for all tests of this file.
class Runs : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder() = fs::temp_directory_path() / ("erg-sampling-" + std::to_string(getpid()));
    for (const std::string system : {"gan", "ebm", "meg"}) {
      const Outcome trained =
          run_program("train " + system +
                      " --data 25gaussians --preset small --steps 20 --batch 32 --width 8 -q --out " + path(system));
      ASSERT_EQ(trained.code, 0) << trained.out;
    }
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }
  static fs::path& folder() {
    static fs::path made;
    return made;
  }
  static std::string path(const std::string& name) { return (folder() / name).string(); }

  static Tensor sample(const std::string& arguments) {
    const Outcome outcome = run_program("sample " + arguments + " --steps 20 --n 12 --out " + path("x.npy"));
    EXPECT_EQ(outcome.code, 0) << outcome.out;
    return io::read_npy(path("x.npy"));
  }
};

const char* const samplers[] = {"langevin",    "ddls",           "mala",     "hmc",
                                "underdamped", "preconditioned", "annealed", "tempering"};

TEST_F(Runs, AreSampledByEverySampler) {
  for (const std::string sampler : samplers)
    for (const std::string system : {"gan", "ebm", "meg"}) {
      if (sampler == "ddls" && system == "ebm") continue;
      const std::string arguments = path(system) + " --sampler " + sampler;
      const Tensor x = sample(arguments);
      EXPECT_EQ(x.shape(), (Shape{12, 2})) << arguments;
      EXPECT_THAT(x.to_host(), Each(testing::Truly([](real value) { return std::isfinite(value); }))) << arguments;
      EXPECT_EQ(sample(arguments).to_host(), x.to_host()) << "the same seed";
      EXPECT_NE(sample(arguments + " --seed 2").to_host(), x.to_host()) << arguments;
    }
}

TEST_F(Runs, TellTheAcceptanceOfTheirChains) {
  const Outcome outcome = run_program("sample " + path("gan") +
                                      " --sampler mala --warm-up 100 --target 0.5 --steps 100 --out " + path("x.npy"));
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("acceptance 0.5"));
}

TEST_F(Runs, AreDiagnosed) {
  const Outcome good = run_program("diagnose " + path("gan") + " --sampler mala --draws 1500 --json -q");
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_THAT(good.out, HasSubstr("\"acceptance\""));
  const Outcome poor = run_program("diagnose " + path("gan") + " --step-size 1e-6 --draws 50");
  EXPECT_EQ(poor.code, 2) << poor.out;
  EXPECT_THAT(poor.out, HasSubstr("error: R-hat up to"));
}

TEST_F(Runs, RefuseWhatMakesNoChain) {
  const struct {
    std::string arguments;
    int code;
    const char* message;
  } mistakes[] = {
      {"sample " + path("gan") + " --sampler gibbs", 64, "gibbs"},
      {"sample " + path("ebm") + " --sampler ddls", 64, "data space"},
      {"sample " + path("gan") + " --sampler mala --space data", 64, "latent"},
      {"sample " + path("gan") + " --sampler langevin --step-size 0", 64, "positive"},
      {"sample " + path("gan") + " --sampler langevin --step-size -1", 64, "positive"},
      {"sample " + path("gan") + " --sampler langevin --step-size nan", 64, "positive"},
      {"sample " + path("gan") + " --sampler langevin --steps -1", 64, "at least 0"},
      {"sample " + path("gan") + " --sampler hmc --leapfrog 0", 64, "at least 1"},
      {"sample " + path("gan") + " --sampler tempering --temperatures 2,1", 64, "rise"},
      {"sample " + path("gan") + " --sampler mala --warm-up 5 --target 1.5", 64, "(0,1)"},
      {"sample " + path("gan") + " --sampler langevin --step-size 1e20 --out " + path("x.npy"), 76, "at step 2"},
      {"diagnose " + path("gan") + " --draws-first", 64, "not with a run"},
      {"diagnose " + path("nothing"), 66, "nothing"},
      {"diagnose " + folder().string(), 66, "config.ini"},
  };
  for (const auto& [arguments, code, message] : mistakes) {
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr(message)) << arguments;
    EXPECT_EQ(outcome.out.rfind("erg: ", 0), 0u) << outcome.out;
  }
}

}  // namespace
}  // namespace erg::test
