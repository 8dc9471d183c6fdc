// A run that stops and goes on: it ends with the bytes of one that never stopped.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "engine/io/error.h"
#include "engine/io/file.h"
#include "run_program.h"
#include "tools/recipes/recipes.h"

namespace {

namespace fs = std::filesystem;
using erg::test::Outcome;
using erg::test::run_program;
using testing::HasSubstr;

struct System {
  const char *name, *data;
};

std::string name_of(const testing::TestParamInfo<System>& info) {
  std::string name = info.param.name;
  std::erase(name, '-');
  return name;
}

class Resume : public testing::TestWithParam<System> {
 protected:
  Resume() : folder_(fs::temp_directory_path() / ("erg-resume-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~Resume() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string text(const std::string& name) const { return erg::io::read_file(path(name)); }
  Outcome train(const std::string& more) const { return run_program("train " + more + " -q --device cpu"); }
  Outcome train(const System& system, const std::string& out, const std::string& more = "") const {
    return train(std::string(system.name) + " --data " + system.data +
                 " --preset small --batch 8 --steps 6 --checkpoint-every 3 --out " + path(out) + " " + small(system) +
                 more);
  }
  /// Of the settings that make a system small those that it has.
  static std::string small(const System& system) {
    const auto preset = erg::tools::preset(system.name, system.data, "small");
    std::string options;
    for (const auto& [name, value] : {std::pair("width", "8"), {"latent", "4"}, {"buffer", "16"}, {"chain-steps", "2"}})
      if (erg::tools::reads(preset, name)) options += std::string("--") + name + " " + value + " ";
    return options;
  }

 private:
  fs::path folder_;
};

using ResumeOfSystem = Resume;

TEST_P(ResumeOfSystem, EndsWithTheSameBytes) {
  const bool labelled = std::string(GetParam().data) == "mnist";
  const bool has_labels = erg::tools::reads(erg::tools::preset(GetParam().name, GetParam().data, "small"), "labels");
  const Outcome whole = train(GetParam(), "whole", has_labels ? "--labels 100" : "");
  if (labelled && whole.code == 66) GTEST_SKIP() << "no MNIST; set ERG_DATA to the folder of the data sets";
  ASSERT_EQ(whole.code, 0) << whole.out;

  // What a run leaves that was killed at some time behind step 3.
  fs::copy(path("whole"), path("half"), fs::copy_options::recursive);
  fs::remove(path("half/ckpt/00000006.safetensors"));
  const Outcome resumed = train("--resume " + path("half"));
  ASSERT_EQ(resumed.code, 0) << resumed.out;
  EXPECT_TRUE(text("half/ckpt/00000006.safetensors") == text("whole/ckpt/00000006.safetensors"));
  EXPECT_EQ(text("half/metrics.jsonl"), text("whole/metrics.jsonl"));
}

INSTANTIATE_TEST_SUITE_P(Systems, ResumeOfSystem,
                         testing::Values(System{"gan", "25gaussians"}, System{"lsgan", "25gaussians"},
                                         System{"f-gan", "25gaussians"}, System{"wgan", "25gaussians"},
                                         System{"wgan-gp", "25gaussians"}, System{"sngan", "25gaussians"},
                                         System{"unrolled", "25gaussians"}, System{"veegan", "25gaussians"},
                                         System{"ddgm", "25gaussians"}, System{"ebm", "25gaussians"},
                                         System{"meg", "25gaussians"}, System{"jem", "mnist"}, System{"ebgan", "mnist"},
                                         System{"ladder", "mnist"}, System{"ebgan-ln", "mnist"}),
                         name_of);

constexpr System gan{"gan", "25gaussians"};
using ResumeOfRun = Resume;

TEST_P(ResumeOfRun, MayBeAskedForMoreSteps) {
  ASSERT_EQ(train(gan, "run").code, 0);
  const Outcome done = train("--resume " + path("run"));
  EXPECT_EQ(done.code, 64);
  EXPECT_THAT(done.out, HasSubstr("all its 6 steps are done"));
  ASSERT_EQ(train("--resume " + path("run") + " --steps 9").code, 0);
  EXPECT_TRUE(fs::exists(path("run/ckpt/00000009.safetensors")));
  EXPECT_THAT(text("run/config.ini"), HasSubstr("steps=9\n"));
}

TEST_P(ResumeOfRun, KeepsToTheRunsSettings) {
  ASSERT_EQ(train(gan, "run").code, 0);
  const Outcome outcome = train("--resume " + path("run") + " --steps 9 --rate 0.5");
  EXPECT_EQ(outcome.code, 64);
  EXPECT_THAT(
      outcome.out,
      HasSubstr(
          "asked for rate=0.5, but the run has rate=0.002; only steps, sample-every, checkpoint-every, keep, guard, "));
  EXPECT_EQ(train("--resume " + path("nothing")).code, 66);
}

/// Damage that an atomic write never leaves: a file that was cut off, or a byte that another one took the place of.
TEST_P(ResumeOfRun, PassesOverADamagedCheckpoint) {
  ASSERT_EQ(train(gan, "run").code, 0);
  const std::string file = path("run/ckpt/00000006.safetensors"), newest = erg::io::read_file(file);
  const auto expect_recovery = [&] {
    const Outcome sampled = run_program("sample " + path("run") + " --out " + path("x.npy"));
    EXPECT_EQ(sampled.code, 0) << sampled.out;
    EXPECT_THAT(sampled.out, HasSubstr("an older checkpoint serves"));
    const Outcome outcome = train("--resume " + path("run"));
    ASSERT_EQ(outcome.code, 0) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("an older checkpoint serves"));
    EXPECT_TRUE(erg::io::read_file(file) == newest);
  };
  fs::resize_file(file, 1000);
  expect_recovery();
  std::string changed = newest;
  changed.back() ^= 1;
  erg::io::atomic_write(file, changed);
  expect_recovery();
}

/// What is damaged does not outlive what is good.
TEST_P(ResumeOfRun, ReplacesADamagedCheckpointByGoodOnes) {
  ASSERT_EQ(train(gan, "run").code, 0);
  std::ofstream(path("run/ckpt/00000006.safetensors"), std::ios::app) << "x";
  ASSERT_EQ(train("--resume " + path("run") + " --steps 5 --checkpoint-every 1 --keep 1").code, 0);
  EXPECT_FALSE(fs::exists(path("run/ckpt/00000006.safetensors")));
  EXPECT_EQ(run_program("sample " + path("run") + " --out " + path("x.npy")).code, 0);
}

/// A run that failed before its first checkpoint may be begun anew.
TEST_P(ResumeOfRun, AFailedStartDoesNotTakeTheName) {
  EXPECT_EQ(train(gan, "run", "--rate 1e30 --no-guard").code, 76);
  EXPECT_EQ(train(gan, "run").code, 0);
}

TEST_P(ResumeOfRun, KeepsTheGuardOfItsRun) {
  ASSERT_EQ(train(gan, "guarded").code, 0);
  EXPECT_THAT(text("guarded/config.ini"), HasSubstr("train.guard=true"));
  ASSERT_EQ(train(gan, "unguarded", "--no-guard").code, 0);
  EXPECT_THAT(text("unguarded/config.ini"), HasSubstr("train.guard=false"));
}

TEST_P(ResumeOfRun, KeepsTheNewestCheckpoints) {
  ASSERT_EQ(train(gan, "run", "--checkpoint-every 1 --keep 2").code, 0);
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(path("run/ckpt"))) left.push_back(entry.path().filename());
  EXPECT_THAT(left, testing::UnorderedElementsAre("00000005.safetensors", "00000006.safetensors", "checksums.json"));
}

// ---- Signals

/// Killed at a hundred moments, anywhere in a start, a step or a checkpoint, a run can always go on, and ends as one
/// that was left alone.
TEST_P(ResumeOfRun, SurvivesBeingKilled) {
  const std::string steps = " --steps 10000 --checkpoint-every 50 --sample-every 10000 --keep 3";
  ASSERT_EQ(train(gan, "whole", steps).code, 0);
  ASSERT_EQ(train(gan, "run", "--steps 1 --checkpoint-every 1").code, 0);
  const std::vector<std::string> go_on = {
      "train",          "--resume", path("run"), "--steps", "10000", "--checkpoint-every", "50",
      "--sample-every", "10000",    "--keep",    "3",       "-q",    "--device",           "cpu"};
  int killed = 0;
  for (unsigned i = 0; i < 100; ++i) {
    const int status = erg::test::signal_program(go_on, SIGKILL, [&] { usleep(10000 + i * 7919 % 40000); });
    killed += WIFSIGNALED(status);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "after " << i << " kills";
    if (fs::exists(path("run/ckpt/00010000.safetensors"))) break;
  }
  EXPECT_GT(killed, 10) << "else the test is too slow a killer";
  if (!fs::exists(path("run/ckpt/00010000.safetensors"))) {
    const Outcome last = train("--resume " + path("run") + steps);
    ASSERT_EQ(last.code, 0) << last.out;
  }
  EXPECT_TRUE(text("run/ckpt/00010000.safetensors") == text("whole/ckpt/00010000.safetensors"));
}

TEST_P(ResumeOfRun, StopsAfterACheckpointWhenAsked) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string name = "run" + std::to_string(signal);
    const int status = erg::test::signal_program(
        {"train", "gan", "--preset", "small", "--width", "8", "--batch", "8", "--steps", "1000000", "--out",
         path(name)},
        signal, [&] {
          while (!fs::exists(path(name) + "/metrics.jsonl") || fs::file_size(path(name) + "/metrics.jsonl") == 0)
            usleep(1000);
        });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
    const Outcome sampled = run_program("sample " + path(name) + " --out " + path("x.npy"));
    EXPECT_EQ(sampled.code, 0) << sampled.out;
  }
}

// ---- Divergence

TEST_P(ResumeOfRun, GoesBackThreeTimesWhenItDivergesAndThenGivesUp) {
  const Outcome outcome = train(gan, "run", "--rate 1e30");
  EXPECT_EQ(outcome.code, 76) << outcome.out;
  const std::string log = text("run/metrics.jsonl");
  size_t events = 0;
  for (size_t at = 0; (at = log.find("back to step 0, with other noise", at)) != std::string::npos; ++at) ++events;
  EXPECT_EQ(events, 3u) << log;
  const Outcome unguarded = train(gan, "unguarded", "--rate 1e30 --no-guard");
  EXPECT_EQ(unguarded.code, 76);
  EXPECT_THAT(text("unguarded/metrics.jsonl"), testing::Not(HasSubstr("event")));
}

INSTANTIATE_TEST_SUITE_P(Gan, ResumeOfRun, testing::Values(gan), name_of);

}  // namespace
