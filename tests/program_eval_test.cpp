// erg eval from outside: what it prints for runs, files and the data themselves, and what it refuses.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"
#include "engine/io/datasets.h"
#include "engine/io/npy.h"
#include "io_support.h"
#include "run_program.h"
#include "tools/data.h"
#include "tools/metrics/digit_net.h"
#include "tools/metrics/divergence.h"
#include "tools/metrics/evaluation.h"

namespace erg::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

/// What several tests need is made once: a folder, MNIST's files and a classifier, a run.
class Eval : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<io::TemporaryFolder>();
    write_small_mnist();
    Noise noise(1, "test");
    tools::DigitNet net(noise);
    io::save(path("classifier.safetensors"), net);
    const Outcome trained = run_program(
        "train ebm --data 8gaussians --preset small --steps 5 --batch 16 --width 8 -q --out " + path("run"));
    ASSERT_EQ(trained.code, 0) << trained.out;
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string path(const std::string& name) { return (*folder_ / name).string(); }
  static std::string write(const std::string& name, const Tensor& x) {
    io::write_npy(path(name), x);
    return path(name);
  }
  /// The scores by name, as JSON.
  static json scores(const std::string& arguments) {
    const Outcome outcome = run_program("eval " + arguments + " -q --format json --cache " + path("cache"));
    EXPECT_EQ(outcome.code, 0) << outcome.out;
    json by_name = json::object();
    if (outcome.code != 0) return by_name;
    const json report = json::parse(outcome.out);
    for (const json& row : report["scores"]) by_name[row["metric"].get<std::string>()] = row;
    return by_name;
  }
  /// A folder of MNIST's format with 300 training and 100 test images of noise.
  static std::string noise_mnist() { return " --data-dir " + folder_->path.string(); }
  /// The same, and a digit classifier that has learnt nothing: it takes no time to train.
  static std::string small_mnist() { return noise_mnist() + " --classifier " + path("classifier.safetensors"); }

 private:
  static void write_small_mnist() {
    Noise noise(2, "test");
    const auto write_set = [&](const std::string& prefix, uint32_t count) {
      std::string pixels, labels;
      for (const int64_t p : noise.integers(count * 28 * 28, 256)) pixels.push_back(char(p));
      for (const int64_t l : noise.integers(count, 10)) labels.push_back(char(l));
      io::atomic_write(path(prefix + "-images-idx3-ubyte"), io::idx_file({count, 28, 28}, pixels));
      io::atomic_write(path(prefix + "-labels-idx1-ubyte"), io::idx_file({count}, labels));
    };
    write_set("train", 300);
    write_set("t10k", 100);
  }

 protected:
  static inline std::unique_ptr<io::TemporaryFolder> folder_;
};

TEST_F(Eval, OfTheDataIsNearPerfect) {
  const json all = scores("real --data 25gaussians --n 2000");
  for (const char* metric :
       {"modes within 3 sd", "modes within 4 sd", "high quality within 3 sd", "entropy of modes"}) {
    EXPECT_NEAR(all[metric]["value"], all[metric]["perfect"], 0.02 * all[metric]["perfect"].get<double>()) << metric;
    EXPECT_NEAR(all[metric]["real"], all[metric]["perfect"], 0.02 * all[metric]["perfect"].get<double>()) << metric;
  }
  EXPECT_EQ(all["modes within 3 sd"]["total"], 25);
  EXPECT_GT(all["precision"]["value"], 0.94);
  EXPECT_LT(all["JS to the data"]["value"], 0.03);
}

TEST_F(Eval, OfAFileTellsCollapse) {
  const tools::Mixture grid = tools::grid_of_25_gaussians();
  std::vector<real> points;
  for (int i = 0; i < 600; ++i)
    for (int c = 0; c < 2; ++c) points.push_back(real(grid.centres[size_t(i % 2)][size_t(c)]));
  const std::string file = write("two-modes.npy", Tensor::from_host({600, 2}, points));
  const json all = scores(file + " --data 25gaussians --metrics modes,hq,kl");
  EXPECT_EQ(all.size(), 5u) << "modes and hq at two radii, and kl";
  EXPECT_EQ(all["modes within 3 sd"]["value"], 2);
  EXPECT_EQ(all["high quality within 3 sd"]["value"], 1);
  EXPECT_NEAR(all["KL of modes to uniform"]["value"], std::log(12.5), 1e-12);
  EXPECT_EQ(scores(file + " --data 25gaussians --metrics modes --n 1")["modes within 3 sd"]["value"], 1);
}

TEST_F(Eval, OfARunIsThatOfItsSamples) {
  const json of_run = scores(path("run") + " --n 500 --seed 3");
  ASSERT_EQ(run_program("sample " + path("run") + " --n 500 --seed 3 --out " + path("x.npy")).code, 0);
  json of_file = scores(path("x.npy") + " --data 8gaussians --seed 3");
  for (const auto& [metric, row] : of_file.items()) EXPECT_EQ(of_run[metric], row) << metric;
  // Only the run has an energy, whose likelihood is below that of the data's own density.
  EXPECT_EQ(of_run.size(), of_file.size() + 2);
  EXPECT_LT(of_run["log-likelihood of data"]["value"], of_run["log-likelihood of data"]["perfect"]);
  EXPECT_GT(of_run["entropy of the energy"]["value"], of_run["entropy of the energy"]["perfect"]);
}

TEST_F(Eval, OfFeaturesFromElsewhereNeedsNothingElse) {
  Noise noise(1, "test");
  const std::string samples = write("a.npy", noise.normal({2000, 3}) * 2),
                    data = write("b.npy", noise.normal({2500, 3}));
  const json all = scores("--features " + samples + " --reference-features " + data);
  EXPECT_NEAR(all["Frechet distance"]["value"], 3, 0.2);  // d (1 - 2)^2
  EXPECT_EQ(all["Frechet distance"]["by"], samples);
  EXPECT_TRUE(all["Frechet distance"]["real"].is_null());
  EXPECT_EQ(all.size(), 4u) << "with kernel distance, precision and recall";
}

TEST_F(Eval, CountsStacksByABroughtClassifier) {
  Noise noise(1, "test");
  const std::string of_file = write("stacks.npy", noise.uniform({50, 28, 28, 2}, -1, 1)) +
                              " --data stackedmnist --metrics modes,kl" + small_mnist();
  const json all = scores(of_file);
  EXPECT_EQ(all["modes"]["total"], 100);
  EXPECT_NEAR(all["KL of modes to uniform"]["perfect"], tools::expected_kl_to_uniform(tools::uniform(100), 50), 1e-12);
  EXPECT_GE(all["KL of modes to uniform"]["value"], all["KL of modes to uniform"]["perfect"]);
  const int64_t files = folder_->files();
  EXPECT_EQ(scores(of_file), all);
  EXPECT_EQ(folder_->files(), files) << "the second time, the cache has the outputs for the sets";
  const json real = scores("real --data stackedmnist --n 50 --metrics modes" + small_mnist());
  EXPECT_EQ(real["modes"]["total"], 1000);
}

TEST_F(Eval, ComparesDigitsByTheirFeatures) {
  const json all = scores("real --data mnist" + small_mnist());
  for (const char* metric : {"Inception-style score", "Frechet distance", "kernel distance", "precision", "recall"}) {
    EXPECT_EQ(all[metric]["by"], "classifier");
    // The test images in another order: sums differ by their rounding.
    EXPECT_NEAR(all[metric]["value"], all[metric]["real"], 0.1 * all[metric]["value"].get<double>()) << metric;
  }
  EXPECT_EQ(all["accuracy of labels"]["value"], all["accuracy of labels"]["real"]);
}

TEST_F(Eval, AClassifiersAccuracyIsThatOnTheTestImages) {
  const auto three = [](const Tensor& x) {
    Tensor logits = Tensor::zeros({x.dim(0), 10});
    for (int64_t row = 0; row < x.dim(0); ++row) logits.mutate()[10 * row + 3] = 1;
    return logits;
  };
  tools::Evaluation evaluation({.data = "mnist", .shape = {28, 28, 1}, .logits = three},
                               {.data_dir = folder_->path.string()});
  const std::vector<uint8_t> labels = io::load_mnist(folder_->path, io::Split::test).labels;
  const double share = double(std::count(labels.begin(), labels.end(), 3)) / double(labels.size());
  EXPECT_GT(share, 0);
  int applicable = 0;
  for (const tools::Metric& metric : tools::metrics()) {
    if (!metric.applies(evaluation)) continue;
    ++applicable;
    EXPECT_EQ(metric.score(evaluation).at(0).value, share) << metric.name;
  }
  EXPECT_EQ(applicable, 1) << "without samples nothing but the accuracy";
}

/// Systems for images only, with and without labels and samples, from training to scores.
TEST_F(Eval, OfLabelledRunsIsAccuracyAndOfTheLadderNothingElse) {
  const std::string data = noise_mnist();
  const auto train = [&](const std::string& system) {
    const Outcome trained =
        run_program("train " + system + " --data mnist --preset small --steps 2 --batch 20 " +
                    (system == "ladder" ? "" : "--width 8 ") + "--critic-width 8 -q --out " + path(system) + data);
    EXPECT_EQ(trained.code, 0) << trained.out;
    return path(system);
  };
  const std::string ladder = train("ladder"), ln = train("ebgan-ln"), ebgan = train("ebgan");
  const auto keys = [](const json& all) {
    std::vector<std::string> names;
    for (const auto& [name, row] : all.items()) names.push_back(name);
    return names;
  };
  EXPECT_THAT(keys(scores(ladder + data)), testing::ElementsAre("accuracy on test images"));
  const std::string judged = " --n 50 --metrics accuracy,reverse" + small_mnist();
  EXPECT_THAT(keys(scores(ln + judged)),
              testing::ElementsAre("E KL(p(y)||p(y|x))", "E KL(p(y)||p(y|x))^2", "accuracy on test images"));
  const auto refused = [&](const std::string& arguments, const char* message) {
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.code, 64) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr(message));
  };
  refused("eval " + ladder + " --metrics modes" + data, "'modes' is not for these samples; there are accuracy");
  refused("eval " + ebgan + judged, "'accuracy' is not for these samples");
  refused("sample " + ladder, "is a classifier and has no samples");
  refused("sample " + ln + " --sampler mala", "ebgan-ln has no law that chains could follow");
  refused("sample " + ebgan + " --refiner dot", "ebgan has no discriminator to refine samples by");
  EXPECT_FALSE(std::filesystem::exists(ladder + "/samples/00000002.png"));
  for (const std::string& run : {ln + " --sampler generator", ebgan + " --sampler mala --steps 2"}) {
    const Outcome outcome = run_program("sample " + run + " --n 4 --out " + path("x.npy"));
    ASSERT_EQ(outcome.code, 0) << outcome.out;
    const Tensor x = io::read_npy(path("x.npy"));
    EXPECT_EQ(x.shape(), (Shape{4, 28, 28, 1}));
    for (const real pixel : x.to_host()) ASSERT_LE(std::abs(pixel), 1.5) << run;
  }
}

TEST_F(Eval, PrintsATable) {
  const Outcome outcome = run_program("eval real --data 8gaussians --n 500 --metrics modes,pr");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("modes within 4 sd"));
  EXPECT_THAT(outcome.out, HasSubstr(" 8/8 "));
  EXPECT_THAT(outcome.out, HasSubstr("coordinates"));
  EXPECT_THAT(outcome.out, HasSubstr("samples    500 points (8gaussians)\n"));
  EXPECT_THAT(outcome.out, HasSubstr("perfect    expected of "));
  EXPECT_THAT(outcome.out, Not(HasSubstr("+-"))) << "no column without a number";
  EXPECT_THAT(outcome.out, HasSubstr("reference  100000 other held-out points\n"));
}

TEST_F(Eval, RefusesInOneLine) {
  const std::string points = write("points.npy", Tensor::zeros({10, 2})),
                    cubes = write("cubes.npy", Tensor::zeros({10, 3}));
  const std::string nans = write("nans.npy", Tensor::full({10, 2}, real(std::nan(""))));
  const std::string far = write("far.npy", Tensor::full({10, 2}, 100));
  const struct {
    std::string arguments;
    int code;
    std::string message;
  } mistakes[] = {
      {"real --data 25gaussians --metrics modes,fid", 64, "unknown metric 'fid'; there are modes, hq,"},
      {"real --data 25gaussians --metrics frechet", 64, "'frechet' is not for these samples; there are modes, hq,"},
      {"real --data moons", 64, "'moons'"},
      {"real", 64, "--data is needed"},
      {"", 64, "give a run"},
      {points, 64, "--data is needed"},
      {points + " --data 25gaussians --n 11", 64, "the file holds 10"},
      {"--features " + points, 64, "--reference-features"},
      {cubes + " --data 25gaussians", 65, "expected samples of 25gaussians"},
      {nans + " --data 25gaussians --metrics pr", 65, "expected finite numbers, got nan in sample 0"},
      {far + " --data 25gaussians --metrics kl", 65, "no sample is near a mode"},
      {"--features " + points + " --reference-features " + cubes + " --metrics pr", 65, "different numbers"},
      {"--features " + points + " --reference-features " + write("two.npy", Tensor::zeros({2, 2})), 65, "covariance"},
      {path("nothing"), 64, "--data is needed"},
      {path("nothing.npy") + " --data 25gaussians", 66, "nothing.npy"},
      {folder_->path.string(), 66, "config.ini"},
      {"real --data mnist --data-dir /nowhere", 66, "/nowhere"},
      {"real --data 25gaussians --device gpu", 64, "--device"},
  };
  for (const auto& [arguments, code, message] : mistakes) {
    const Outcome outcome = run_program("eval " + arguments, "ERG_DATA=/nowhere");
    EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr(message)) << arguments;
    EXPECT_EQ(outcome.out.rfind("erg: ", 0), 0u) << outcome.out;
  }
}

TEST_F(Eval, RefusesImagesThatAreNone) {
  const std::string net = " --data mnist --metrics modes" + small_mnist();
  const auto refused = [&](const Tensor& x, const char* message) {
    const Outcome outcome = run_program("eval " + write("x.npy", x) + net + " --cache " + path("cache"));
    EXPECT_EQ(outcome.code, 65) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr(message));
  };
  refused(Tensor::full({2, 28, 28, 1}, 255), "divide bytes by 127.5");
  refused(Tensor::full({2, 28, 28, 1}, real(std::nan(""))), "expected finite numbers");
  refused(Tensor::zeros({2, 1, 28, 28}), "expected samples of mnist, [28,28,1] behind their number, got [2,1,28,28]");
  const Outcome missing = run_program("eval real --data mnist --metrics modes --data-dir " + folder_->path.string() +
                                      " --classifier " + path("none.safetensors"));
  EXPECT_EQ(missing.code, 66) << missing.out;
}

}  // namespace
}  // namespace erg::test
