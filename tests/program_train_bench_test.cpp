// `erg bench train`: that its files tell others which steps were taken, and its reports how fast.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/io/checkpoint.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/ops.h"
#include "io_support.h"
#include "models/gan.h"
#include "models/nets.h"
#include "run_program.h"
#include "tools/bench/train_work.h"

namespace erg::tools {
namespace {

using test::Outcome;
using test::run_program;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Le;
using testing::StartsWith;

constexpr uint64_t seed = 3;

std::vector<TrainWork> small_work(const std::string& only = "", Device device = cpu_device) {
  return make_train_work(only, seed, device, true);
}

// ---- The first steps

TEST(TrainWork, ACriticAloneLeavesTheGeneratorAsItIsAndOthersTrainBoth) {
  for (const TrainWork& work : small_work()) {
    SCOPED_TRACE(work.name);
    const FirstSteps steps = take_first_steps(work);
    EXPECT_TRUE(steps.check().passed);
    const auto moved = [&](const std::string& name) {
      return steps.after.tensor(name).to_host() != steps.before.tensor(name).to_host();
    };
    EXPECT_EQ(moved("generator.0.weight"), !work.critic_alone);
    for (const auto& [name, tensor] : steps.after.tensors) {
      const bool judges = !name.starts_with("generator.");
      if (judges && name.ends_with("weight")) { EXPECT_TRUE(moved(name)) << name; }
    }
    EXPECT_GT(steps.operations, 0);
  }
}

TEST(TrainWork, AStepThatChangesNothingOrIsNotFiniteFailsItsCheck) {
  FirstSteps steps = take_first_steps(small_work("dcgan mnist").front());
  EXPECT_TRUE(steps.check().passed);
  FirstSteps still = steps;
  still.losses[1] = still.losses[0];
  EXPECT_FALSE(still.check().passed);
  FirstSteps infinite = steps;
  infinite.losses[1].back().second = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(infinite.check().passed);
  steps.after.tensors.begin()->second.mutate()[0] = std::numeric_limits<real>::quiet_NaN();
  EXPECT_FALSE(steps.check().passed);
}

TEST(TrainWork, AGpuTakesTheSameSteps) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no CUDA device: " << why_no_cuda();
  const char* name = "dcgan mnist";
  const FirstSteps here = take_first_steps(small_work(name).front());
  const FirstSteps there = take_first_steps(small_work(name, {Device::Kind::cuda, 0}).front());
  for (size_t k = 0; k < here.losses.size(); ++k)
    for (size_t i = 0; i < here.losses[k].size(); ++i)
      EXPECT_NEAR(there.losses[k][i].second, here.losses[k][i].second, 1e-3) << here.losses[k][i].first;
}

// ---- Files

/// The loss that Goodfellow's discriminator has of the exported data, weights and noise.
TEST(ExportTrainWork, TheFilesAreWhatTheFirstStepWasMadeOf) {
  io::TemporaryFolder folder;
  const std::vector<TrainWork> works = small_work("dcgan mnist");
  const std::vector<FirstSteps> steps = {take_first_steps(works[0])};
  export_train_work(folder / "work", works, steps, seed);

  const nlohmann::json json = nlohmann::json::parse(io::read_file(folder / "work" / "work.json"));
  ASSERT_EQ(json["work"].size(), 1u);
  const nlohmann::json& work = json["work"][0];
  const auto path = [&](const char* key) { return folder / "work" / work[key].get<std::string>(); };

  Noise noise(seed + 1, "other weights");
  const DcganOptions options{
      .kind = DcganOptions::Kind::small, .size = 28, .channels = 1, .latent = work["latent"], .width = work["width"]};
  Sequential generator = dcgan_generator(options, noise), critic = dcgan_critic(options, noise, {.batch_norm = true});
  io::load(path("before"), generator, "generator.");
  io::load(path("before"), critic, "critic.");
  const Tensor x = io::read_npy(path("batch")), latent = io::read_npy(path("latent_noise"));
  ASSERT_EQ(latent.shape(), (Shape{4, x.dim(0), work["latent"]})) << "two steps, of the critic and of the generator";
  const Tensor z = reshape(slice(latent, 0, 0, 1), {x.dim(0), latent.dim(2)});

  const Tensor fake = generator(z, Mode::train);
  const Tensor real_score = scores(critic(x, Mode::train)), fake_score = scores(critic(fake, Mode::train));
  const double loss = Gan::objective(Gan::Loss::non_saturating).critic(real_score, fake_score).item();
  EXPECT_EQ(work["losses"][0][0][0], "loss_d");
  EXPECT_NEAR(work["losses"][0][0][1].get<double>(), loss, 1e-6);
  EXPECT_TRUE(work["mixing_noise"].is_null());
}

TEST(ExportTrainWork, AGradientPenaltyHasItsMixing) {
  io::TemporaryFolder folder;
  const std::vector<TrainWork> works = small_work("wgan-gp critic");
  export_train_work(folder / "work", works, {take_first_steps(works[0])}, seed);
  const nlohmann::json work = nlohmann::json::parse(io::read_file(folder / "work" / "work.json"))["work"][0];
  const Tensor mixing = io::read_npy(folder / "work" / work["mixing_noise"].get<std::string>());
  EXPECT_EQ(mixing.shape(), (Shape{2, 4})) << "one for each sample of each of two steps";
}

// ---- The command

constexpr const char* quick = "bench train -q --device cpu --threads 1 --repeats 1 --small ";

TEST(BenchTrain, JsonSaysWhatRanAndHowFast) {
  const Outcome outcome = run_program(std::string(quick) + "--format json");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const nlohmann::json report = nlohmann::json::parse(outcome.out);
  std::vector<std::string> names;
  for (const nlohmann::json& row : report["rows"]) {
    SCOPED_TRACE(row.dump());
    names.push_back(row["workload"]);
    for (const char* key : {"us_per_step", "gflops_per_s", "fraction", "parameters"}) EXPECT_GT(row[key], 0.0) << key;
    EXPECT_NEAR(row["gflop"].get<double>(), row["gflops_per_s"].get<double>() * 1e-6 * row["us_per_step"].get<double>(),
                1e-9);
    EXPECT_EQ(row["ceiling"], "peak");
    EXPECT_TRUE(row["check"]["passed"]);
  }
  EXPECT_THAT(names, ElementsAreArray(train_work_names()));
}

TEST(BenchTrain, CsvHasAColumnForEveryHeading) {
  const Outcome outcome = run_program(std::string(quick) + "--only meg --format csv");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  std::istringstream lines(outcome.out);
  std::string heading, line;
  std::getline(lines, heading);
  std::getline(lines, line);
  EXPECT_THAT(heading, StartsWith("workload,work,nets,width,sample,B,parameters,threads,us_per_step,"));
  EXPECT_THAT(line, StartsWith("meg,meg,meg,8,28x28x3,4,"));
  EXPECT_EQ(std::count(line.begin(), line.end(), ','), std::count(heading.begin(), heading.end(), ','));
}

TEST(BenchTrain, TheTableFitsAndExplainsItself) {
  const Outcome outcome = run_program(std::string(quick) + "--only 'dcgan mnist'");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  for (const char* part : {"ceilings: peak", "workload", "ms/step", "of ceiling", "ok  first"})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) EXPECT_THAT(line.size(), Le(160u)) << line;
}

TEST(BenchTrain, MistakesHaveTheirExitCodes) {
  for (const char* arguments :
       {"bench train --only dance", "bench train --format xml", "bench train --repeats 0", "bench train --threads 0"})
    EXPECT_EQ(run_program(arguments).code, 64) << arguments;
  EXPECT_EQ(run_program(std::string(quick) + "--only meg --export /dev/null/work").code, 73);
  EXPECT_EQ(run_program("bench train --small --device cuda:99").code, 69);
}

}  // namespace
}  // namespace erg::tools
