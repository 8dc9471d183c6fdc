// The erg program from outside: what it prints, what it leaves behind, and the code it exits with.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/io/png.h"
#include "run_program.h"

namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

using erg::test::Outcome;

Outcome erg(const std::string& arguments, const std::string& environment = "") {
  return erg::test::run_program(arguments, environment);
}

/// One line that starts with "erg: ".
MATCHER(IsOneMessage, "") { return arg.rfind("erg: ", 0) == 0 && std::count(arg.begin(), arg.end(), '\n') == 1; }

/// An empty folder of its own for each test.
class Program : public testing::Test {
 protected:
  Program() : folder_(fs::temp_directory_path() / ("erg-program-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~Program() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Outcome train(const std::string& system, const std::string& out, const std::string& more = "",
                const std::string& environment = "") const {
    return erg("train " + system + " --data 25gaussians --preset small --steps 4 --batch 16 --width 8 -q --out " +
                   path(out) + " " + more,
               environment);
  }

 private:
  fs::path folder_;
};

struct Mistake {
  const char* name;
  const char* arguments;
  int code;
  const char* message;
};

class BadInput : public testing::TestWithParam<Mistake> {};

TEST_P(BadInput, GivesOneLineAndItsCode) {
  const Mistake& mistake = GetParam();
  const Outcome outcome = erg(mistake.arguments, "ERG_DATA=/nowhere");
  EXPECT_EQ(outcome.code, mistake.code) << outcome.out;
  EXPECT_THAT(outcome.out, IsOneMessage());
  EXPECT_THAT(outcome.out, HasSubstr(mistake.message));
}

const Mistake mistakes[] = {
    {"NoCommand", "", 64, "no command given"},
    {"UnknownCommand", "dance", 64, "dance"},
    {"NoSystem", "train", 64, "system"},
    {"UnknownSystem", "train gam", 64, "unknown system 'gam', did you mean 'gan'? There are gan, lsgan, f-gan, wgan,"},
    {"UnknownData", "train gan --data mnits", 64, "unknown data set 'mnits', did you mean 'mnist'? There are"},
    {"UnknownPreset", "train gan --preset big", 64, "unknown preset 'big'; there are paper, small"},
    {"UnknownLoss", "train gan --loss hinge --dry-run", 64,
     "--loss: unknown loss of gan 'hinge'; there are non-saturating, minimax, energy"},
    {"UnknownDivergence", "train f-gan --loss tv --dry-run", 64, "--loss: unknown loss of f-gan 'tv'"},
    {"OneLoss", "train meg --loss hinge --dry-run", 64, "--loss: meg has no such setting; it is of gan, f-gan, ebm"},
    {"NotForImages", "train veegan --data mnist --dry-run", 64, "veegan's networks are for 2-D data"},
    {"UnknownNets", "train gan --nets unet --out /tmp/erg-no-nets", 64, "unknown nets 'unet'; there are mlp"},
    {"NetsWithoutAGenerator", "train gan --data cifar10 --nets igebm --dry-run", 64, "--nets igebm have no generator"},
    {"NotForPoints", "train ebgan --data rings --dry-run", 64,
     "ebgan's auto-encoder is for images, not for samples of [2]"},
    {"NoLabels", "train jem --data 25gaussians --nets mlp --dry-run", 64,
     "jem is a classifier, and 25gaussians has no labels"},
    {"NetsThatDoNotFit", "train gan --nets meg --out /tmp/erg-no-nets", 64, "--nets meg are not for samples of [2]"},
    {"NegativeSteps", "train gan --steps -1", 64, "--steps: expected a whole number of at least 1, below 2^31, got -1"},
    {"NegativeSeed", "demo --seed -1", 64, "--seed: expected a whole number of at least 0, got -1"},
    {"NoChainStep", "train ebm --chain-step 0 --out /tmp/erg-no-chain-step", 64,
     "--chain-step: expected a positive number"},
    {"StepsBeyond64Bits", "train gan --steps 99999999999999999999999", 64,
     "--steps: expected a whole number of at least 1"},
    {"MoreThanAnInt", "train wgan --critic-steps 4294967297", 64, "--critic-steps: expected a whole number from 1 to"},
    {"NoRoomForTheWidth", "train ebm --nets anatomy-toy --width 1 --out /tmp/erg-no-width", 64,
     "--width 1: --nets anatomy-toy want at least 2"},
    {"BufferBelowBatch", "train ebm --preset small --buffer 4 --out /tmp/erg-no-buffer", 64,
     "--buffer 4: expected at least --batch, 256"},
    {"DiagnoseNothing", "diagnose ''", 64, "expected a file of draws or a run directory"},
    {"StepsNotANumber", "train gan --steps many", 64, "below 2^31, got many"},
    {"ZeroRate", "train gan --rate 0", 64, "--rate: expected a positive number, from 1.2e-38 to 3.4e38, got 0"},
    {"UnknownOption", "train gan --stepz 5", 64, "--stepz"},
    {"MissingConfig", "train gan --config /nowhere/config.ini", 64, "/nowhere/config.ini"},
    {"RateBelowFloats", "train gan --rate 1e-46", 64, "from 1.2e-38 to 3.4e38, got 1e-46"},
    {"MissingData", "train gan --data mnist", 66, "/nowhere"},
    {"UnwritableOut", "train gan --out /dev/null/run", 73, "/dev/null/run"},
    {"SampleOfNothing", "sample /nowhere", 66, "/nowhere"},
    {"DemoIntoAFile", "demo --out /dev/null/demo", 73, "/dev/null/demo"},
};

INSTANTIATE_TEST_SUITE_P(Program, BadInput, testing::ValuesIn(mistakes),
                         [](const auto& info) { return info.param.name; });

TEST(ProgramEnvironment, UnknownInstructionSetIsAUsageError) {
  const Outcome outcome = erg("version", "ERG_ISA=mmx");
  EXPECT_EQ(outcome.code, 64);
  EXPECT_THAT(outcome.out, HasSubstr("mmx"));
}

TEST_F(Program, TruncatedDataIsBadData) {
  fs::create_directories(path("mnist"));
  std::ofstream(path("mnist/train-images-idx3-ubyte"))
      << std::string("\0\0\x08\x03\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c", 16) << "too short";
  std::ofstream(path("mnist/train-labels-idx1-ubyte")) << "x";
  const Outcome outcome = erg("train gan --data mnist --data-dir " + path("") + " --out " + path("run"));
  EXPECT_EQ(outcome.code, 65) << outcome.out;
  EXPECT_THAT(outcome.out, IsOneMessage());
  EXPECT_THAT(outcome.out, HasSubstr("train-images-idx3-ubyte"));
  EXPECT_FALSE(fs::exists(path("run"))) << "nothing is left behind";
}

TEST_F(Program, EverySystemTrainsAndSamples) {
  for (const std::string system :
       {"gan", "lsgan", "f-gan", "wgan", "wgan-gp", "sngan", "unrolled", "veegan", "ddgm", "ebm", "meg"}) {
    SCOPED_TRACE(system);
    const Outcome trained = train(system, system, system == "ebm" ? "--buffer 64" : "");
    ASSERT_EQ(trained.code, 0) << trained.out;
    EXPECT_THAT(trained.out, EndsWith(system + "\n"));
    for (const char* part :
         {"config.ini", "manifest.json", "metrics.jsonl", "samples/00000004.png", "ckpt/00000004.safetensors"})
      EXPECT_TRUE(fs::exists(path(system) + "/" + part)) << part;

    const Outcome sampled = erg("sample " + path(system) + " --n 10 --out " + path("x.npy"));
    ASSERT_EQ(sampled.code, 0) << sampled.out;
    EXPECT_EQ(erg::io::read_npy(path("x.npy")).shape(), (erg::Shape{10, 2}));
    ASSERT_EQ(erg("sample " + path(system) + " --n 10 --out " + path("x.png")).code, 0);
    EXPECT_EQ(erg::io::read_png(path("x.png")).channels, 3);
  }
}

TEST_F(Program, TheSameSeedGivesTheSameBitsOnAnyNumberOfThreads) {
  for (const std::string system : {"gan", "ebm"}) {
    const auto run = [&](const std::string& name, const std::string& environment, const std::string& more) {
      const Outcome outcome = train(system, system + name, more, environment);
      EXPECT_EQ(outcome.code, 0) << outcome.out;
      return erg::io::read_file(path(system + name) + "/ckpt/00000004.safetensors");
    };
    const std::string one = run("-1", "OMP_NUM_THREADS=1", "--batch 512"),
                      two = run("-2", "OMP_NUM_THREADS=2", "--batch 512");
    EXPECT_TRUE(one == two);
    EXPECT_FALSE(one == run("-other", "", "--batch 512 --seed 2"));
  }
}

TEST_F(Program, ADryRunTellsWhatItTakesAndLeavesNothing) {
  const Outcome outcome = train("meg", "dry", "--dry-run --flops-per-second 1e9");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  for (const char* part :
       {"width=8", "preset     small", "network    statistics: ", "FLOP in 4 steps", "at 1 GFLOP/s\n"})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  EXPECT_FALSE(fs::exists(path("dry")));
  const Outcome images = erg("train gan --data cifar10 --dry-run --flops-per-second 1e12 -q", "ERG_DATA=/nowhere");
  EXPECT_EQ(images.code, 0) << "needs no data: " << images.out;
  EXPECT_THAT(images.out, HasSubstr("network    generator: 5179907 parameters"));
}

TEST_F(Program, TheLineCountsMoreThanTheConfigAndThatMoreThanThePreset) {
  std::ofstream(path("config.ini")) << "[train]\npreset=\"small\"\nrate=0.5\nbatch=7\n";
  const Outcome outcome =
      erg("train gan --config " + path("config.ini") + " --batch 9 --dry-run --flops-per-second 1e9");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  for (const char* part : {"rate=0.5\n", "batch=9\n", "steps=6000\n"}) EXPECT_THAT(outcome.out, HasSubstr(part));
}

TEST_F(Program, AConfigRepeatsItsRun) {
  ASSERT_EQ(train("gan", "first", "--seed 3").code, 0);
  const Outcome sampled = erg("sample " + path("first") + " --config " + path("first/config.ini"));
  EXPECT_EQ(sampled.code, 64);
  EXPECT_THAT(sampled.out, HasSubstr("--config is for 'erg train'; sample takes options"));
  const Outcome again = erg("train gan -q --config " + path("first/config.ini") + " --out " + path("second"));
  ASSERT_EQ(again.code, 0) << again.out;
  const std::string checkpoint = "/ckpt/00000004.safetensors";
  EXPECT_TRUE(erg::io::read_file(path("first") + checkpoint) == erg::io::read_file(path("second") + checkpoint));
}

TEST_F(Program, ARunIsNotOverwritten) {
  ASSERT_EQ(train("gan", "run").code, 0);
  const Outcome again = train("gan", "run");
  EXPECT_EQ(again.code, 64);
  EXPECT_THAT(again.out, HasSubstr("holds a run already"));
}

TEST_F(Program, ACorruptCheckpointIsBadData) {
  ASSERT_EQ(train("gan", "run").code, 0);
  for (const fs::directory_entry& file : fs::directory_iterator(path("run/ckpt")))
    if (file.path().extension() == ".safetensors" && file.path().stem() != "00000004") fs::remove(file);
  fs::resize_file(path("run/ckpt/00000004.safetensors"), 1000);
  const Outcome outcome = erg("sample " + path("run"));
  EXPECT_EQ(outcome.code, 65) << outcome.out;
  EXPECT_THAT(outcome.out, IsOneMessage());
}

TEST_F(Program, DdlsNeedsADiscriminator) {
  ASSERT_EQ(train("ebm", "run", "--buffer 64").code, 0);
  EXPECT_EQ(erg("sample " + path("run") + " --sampler ddls").code, 64);
  ASSERT_EQ(train("gan", "gan").code, 0);
  EXPECT_EQ(erg("sample " + path("gan") + " --sampler ddls --steps 3 --n 4 --out " + path("x.npy")).code, 0);
}

}  // namespace
