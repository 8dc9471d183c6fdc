// What can go wrong around a run: disks, limits, directories, settings edited by hand. Each costs one line and its exit
// code, and never the last checkpoint.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "io_support.h"
#include "run_program.h"

namespace erg::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Failures : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string words(const std::string& out) {
    return "train gan --preset small --batch 8 --width 64 --device cpu -q --checkpoint-every 3 --out " + out;
  }
  static Outcome resume(const std::string& run, int steps, const std::string& environment = "") {
    return run_program("train -q --device cpu --resume " + run + " --steps " + std::to_string(steps), environment);
  }
  static bool run_command(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }
  /// A run of six steps, and what its next three come to.
  void train(const std::string& run) const {
    ASSERT_EQ(run_program(words(run) + " --steps 6").code, 0);
    fs::copy(run, path("whole"), fs::copy_options::recursive);
    ASSERT_EQ(resume(path("whole"), 9).code, 0);
  }
  void expect_the_same_bytes(const std::string& run) const {
    const Outcome resumed = resume(run, 9);
    ASSERT_EQ(resumed.code, 0) << resumed.out;
    EXPECT_TRUE(io::read_file(run + "/ckpt/00000009.safetensors") ==
                io::read_file(path("whole/ckpt/00000009.safetensors")));
  }
  io::TemporaryFolder folder_;
};

void expect_failure(const Outcome& outcome, int code, const std::string& message) {
  EXPECT_EQ(outcome.code, code) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr(message));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
}

TEST_F(Failures, AFileThatMayNotGrowIsAnErrorOfItsWrite) {
  train(path("run"));
  expect_failure(resume(path("run"), 9, "ulimit -f 20;"), 74, "File too large");
  expect_the_same_bytes(path("run"));
}

/// A file system of its own, small; or none, where that is not allowed.
class SmallDisk : public Failures {
 protected:
  SmallDisk() {
    fs::create_directory(path("disk"));
    mounted_ = run_command("mount -t tmpfs -o size=4m tmpfs " + path("disk"));
  }
  ~SmallDisk() override {
    if (mounted_) run_command("umount -l " + path("disk"));
  }
  void SetUp() override {
    if (!mounted_) GTEST_SKIP() << "mounting a small disk takes root's rights";
  }

 private:
  bool mounted_;
};

TEST_F(SmallDisk, ThatIsFullKeepsTheLastCheckpoint) {
  train(path("disk/run"));
  run_command("dd if=/dev/zero of=" + path("disk/ballast") + " bs=4k");
  expect_failure(resume(path("disk/run"), 9), 74, "No space left on device");
  fs::remove(path("disk/ballast"));
  expect_the_same_bytes(path("disk/run"));
}

TEST_F(SmallDisk, ThatIsReadOnlyKeepsTheRun) {
  train(path("disk/run"));
  ASSERT_TRUE(run_command("mount -o remount,ro " + path("disk")));
  expect_failure(resume(path("disk/run"), 9), 73, "Read-only file system");
  expect_failure(run_program(words(path("disk/other")) + " --steps 3"), 73, "Read-only file system");
  ASSERT_TRUE(run_command("mount -o remount,rw " + path("disk")));
  expect_the_same_bytes(path("disk/run"));
}

/// The process is told where its directory went by the next checkpoint at the latest.
TEST_F(Failures, ADirectoryThatVanishesEndsTheRun) {
  const int status =
      signal_program({"train", "gan", "--preset", "small", "--width", "8", "--batch", "8", "--steps", "1000000",
                      "--checkpoint-every", "50", "-q", "--device", "cpu", "--out", path("run")},
                     0, [&] {
                       while (!fs::exists(path("run/ckpt/00000050.safetensors"))) usleep(1000);
                       fs::rename(path("run"), path("away"));
                     });
  ASSERT_TRUE(WIFEXITED(status));
  // By what it wanted there first: to read, to create or to write.
  EXPECT_THAT(WEXITSTATUS(status), testing::AnyOf(66, 73, 74));
  const Outcome resumed = resume(path("away"), 20000);
  EXPECT_EQ(resumed.code, 0) << resumed.out;
}

// ---- Settings edited by hand

class Edited : public Failures {
 protected:
  void SetUp() override { ASSERT_EQ(run_program(words(path("run")) + " --steps 6").code, 0); }
  void edit(const std::string& from, const std::string& to) const {
    std::string text = io::read_file(path("run/config.ini"));
    ASSERT_NE(text.find(from), std::string::npos);
    text.replace(text.find(from), from.size(), to);
    io::atomic_write(path("run/config.ini"), text);
  }
};

TEST_F(Edited, WhatAStepDependsOnIsRefused) {
  edit("train.rate=0.002", "train.rate=0.003");
  expect_failure(resume(path("run"), 9), 64,
                 "config.ini has rate=0.003, but the run was begun with rate=0.002; only steps, sample-every,");
  edit("train.rate=0.003", "train.rate=0.002");
  EXPECT_EQ(resume(path("run"), 9).code, 0);
}

TEST_F(Edited, WhatItDoesNotDependOnMayChange) {
  edit("train.keep=0", "train.keep=1");
  edit("train.steps=6", "train.steps=12");
  ASSERT_EQ(run_program("train -q --resume " + path("run")).code, 0);
  EXPECT_TRUE(fs::exists(path("run/ckpt/00000012.safetensors")));
  EXPECT_FALSE(fs::exists(path("run/ckpt/00000006.safetensors")));
}

TEST_F(Edited, NonsenseIsBadData) {
  edit("train.batch=8", "train.batch=none");
  expect_failure(resume(path("run"), 9), 65, "config.ini: --batch: expected a whole number");
}

// ---- Reports

class Report : public Failures {};

TEST_F(Report, IsThereWhenTrainingEnds) {
  const Outcome outcome = run_program("train gan --preset small --batch 8 --width 8 --steps 6 --out " + path("run"));
  ASSERT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("erg: writing " + path("run/report.html") + "\n"));
  EXPECT_THAT(io::read_file(path("run/report.html")), HasSubstr("<h2>Energy along Langevin chains</h2>"));
  const std::string before = io::read_file(path("run/report.html"));
  ASSERT_EQ(resume(path("run"), 9).code, 0);
  EXPECT_NE(io::read_file(path("run/report.html")), before);
}

/// Training is done then, and says so.
TEST_F(Report, ThatCannotBeWrittenCostsNothingElse) {
  fs::create_directories(path("run/report.html/in the way"));
  const Outcome outcome = run_program(words(path("run")) + " --steps 6");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("erg: no report: "));
}

TEST_F(Report, OfChainsWithoutNoiseSaysWhyThereAreNone) {
  const Outcome outcome = run_program("train ebm --preset small --batch 8 --width 8 --buffer 8 --steps 6 -q --out " +
                                      path("run") + " --chain-noise 0");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(io::read_file(path("run/report.html")), HasSubstr("its energy has no temperature"));
}

}  // namespace
}  // namespace erg::test
