// Refiners of trained runs from outside: every one by name, calibration, and what is refused.
#include <gmock/gmock.h>

#include <filesystem>

#include "engine/io/npy.h"
#include "io_support.h"
#include "run_program.h"

namespace erg::test {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;

/// A GAN and an EBM, trained a little, for all tests of this file.
class RefinedRuns : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder() = fs::temp_directory_path() / ("erg-refining-" + std::to_string(getpid()));
    fs::create_directories(folder());
    for (const std::string system : {"gan", "ebm"}) {
      const Outcome trained =
          run_program("train " + system +
                      " --data 8gaussians --preset small --steps 200 --batch 32 --width 8 -q --out " + path(system));
      ASSERT_EQ(trained.code, 0) << trained.out;
    }
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }
  static fs::path& folder() {
    static fs::path made;
    return made;
  }
  static std::string path(const std::string& name) { return (folder() / name).string(); }

  static Outcome refine(const std::string& arguments) {
    return run_program("sample " + path("gan") + " --n 12 --out " + path("x.npy") + " --refiner " + arguments);
  }
  static Tensor samples(const std::string& arguments) {
    const Outcome outcome = refine(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.out;
    return io::read_npy(path("x.npy"));
  }
};

TEST_F(RefinedRuns, AreRefinedByEveryRefiner) {
  for (const std::string refiner :
       {"drs", "mh-gan", "dot", "dot --refiner-space data", "dgflow", "dgflow --divergence js",
        "dgflow --divergence log-d", "ddls --refiner-steps 50", "ddls-mala --refiner-steps 50",
        "drs --calibrate isotonic", "mh-gan --calibrate isotonic", "ddls --refiner-steps 50 --calibrate beta1",
        "dot --calibrate beta2"}) {
    const Tensor x = samples(refiner);
    EXPECT_EQ(x.shape(), (Shape{12, 2})) << refiner;
    EXPECT_THAT(x.to_host(), Each(testing::Truly([](real value) { return std::isfinite(value); }))) << refiner;
    EXPECT_EQ(samples(refiner).to_host(), x.to_host()) << "the same seed";
    EXPECT_NE(samples(refiner + " --seed 2").to_host(), x.to_host()) << refiner;
  }
}

/// Without the test images' files, only what wants no real samples works.
TEST_F(RefinedRuns, AreCalibratedByTestImages) {
  const auto write = [](const std::string& prefix, char pixel) {
    const std::string pixels(20 * 784, pixel);
    io::atomic_write(path(prefix + "-images-idx3-ubyte"), io::idx_file({20, 28, 28}, pixels));
    io::atomic_write(path(prefix + "-labels-idx1-ubyte"), io::idx_file({20}, std::string(20, '\0')));
  };
  write("train", '\0');
  const std::string train = "train gan --data mnist --preset small --steps 1 --batch 4 --width 4 -q";
  const Outcome trained = run_program(train + " --data-dir " + folder().string() + " --out " + path("digits"));
  ASSERT_EQ(trained.code, 0) << trained.out;
  const auto refine = [](const std::string& refiner) {
    return run_program("sample " + path("digits") + " --n 4 --out " + path("d.npy") + " --refiner " + refiner);
  };
  EXPECT_EQ(refine("drs").code, 0);
  for (const std::string refiner : {"drs --calibrate beta1", "mh-gan"}) {
    const Outcome outcome = refine(refiner);
    EXPECT_EQ(outcome.code, 66) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("t10k-images"));
  }
  write("t10k", '\xff');
  EXPECT_EQ(refine("mh-gan").code, 0);
}

TEST_F(RefinedRuns, TellWhatItTook) {
  EXPECT_THAT(refine("mh-gan --refiner-steps 30").out, HasSubstr(" calls of G a sample"));
  EXPECT_THAT(refine("drs --calibrate beta1").out, HasSubstr("; Z of 2000 others "));
  EXPECT_THAT(refine("ddls-mala --refiner-steps 200").out, HasSubstr("acceptance 0."));
}

TEST_F(RefinedRuns, RefuseWhatMakesNoRefiner) {
  const std::string gan = "sample " + path("gan") + " ";
  const struct {
    std::string arguments;
    const char* message;
  } mistakes[] = {
      {gan + "--refiner magic", "magic"},
      {"sample " + path("ebm") + " --refiner drs", "ebm has no discriminator"},
      {gan + "--refiner ddls --calibrate isotonic", "[ddls] follows the gradient"},
      {gan + "--refiner dot --calibrate isotonic", "[dot] follows the gradient"},
      {gan + "--refiner dgflow --calibrate isotonic", "[dgflow] follows the gradient"},
      {gan + "--refiner drs --percentile 101", "101"},
      {gan + "--refiner drs --sampler mala", "--sampler"},
      {gan + "--calibrate beta1", "--refiner"},
  };
  for (const auto& [arguments, message] : mistakes) {
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.code, 64) << arguments << "\n" << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr(message)) << arguments;
  }
}

}  // namespace
}  // namespace erg::test
