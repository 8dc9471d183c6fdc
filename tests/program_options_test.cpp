// The command line: what is taken and what is refused, where values come from, help, and completion in shells.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "io_support.h"
#include "run_program.h"
#include "tools/recipes/recipes.h"

namespace erg::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Options : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string config(const std::string& text) const {
    io::atomic_write(folder_ / "config.ini", text);
    return " --config " + path("config.ini") + " ";
  }
  /// A dry run prints all settings it would train with.
  static Outcome dry(const std::string& arguments, const std::string& environment = "") {
    return run_program("train " + arguments + " --preset small --dry-run --flops-per-second 1e9", environment);
  }
  io::TemporaryFolder folder_;
};

void expect_usage(const Outcome& outcome, const std::string& message) {
  EXPECT_EQ(outcome.code, 64) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr(message));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
}

// ---- Settings of other systems

TEST_F(Options, OfOtherSystemsAreRefusedWhereverTheyStand) {
  const std::string message = "--penalty: gan has no such setting; it is of wgan-gp, ddgm, meg";
  expect_usage(dry("gan --penalty 3"), message);
  expect_usage(dry("--penalty 3 gan"), message);
  expect_usage(dry("gan" + config("[train]\npenalty=3\n")), message);
  expect_usage(dry("gan", "ERG_TRAIN_PENALTY=3"), message + " (from ERG_TRAIN_PENALTY)");
  expect_usage(run_program("tape gan --preset small --penalty 3"), message);
  EXPECT_EQ(dry("wgan-gp --penalty 3").code, 0);
}

TEST_F(Options, OfOtherNetworksAreRefused) {
  expect_usage(dry("gan --layers 3"), "--layers: gan with --nets mlp has no such setting; it is of ebgan, ebgan-ln");
  EXPECT_EQ(dry("gan --data mnist --nets ebgan --layers 3 --batch-norm false").code, 0);
  expect_usage(dry("gan --nets pacgan --batch-norm true"), "the critic of --nets pacgan has no place for it");
  expect_usage(dry("sngan --nets pacgan"), "--nets pacgan has no spectral norm, which is what makes sngan");
}

// ---- Where a value comes from

TEST_F(Options, TheLineCountsBeforeTheEnvironmentThatBeforeTheFileAndThatBeforeThePreset) {
  const auto batch = [&](bool line, bool environment, bool file) {
    const Outcome outcome =
        dry("gan" + (file ? config("[train]\nbatch=13\n") : std::string()) + (line ? " --batch 11" : ""),
            environment ? "ERG_TRAIN_BATCH=12" : "");
    EXPECT_EQ(outcome.code, 0) << outcome.out;
    const size_t at = outcome.out.find("train.batch=") + 12;
    return outcome.out.substr(at, outcome.out.find('\n', at) - at);
  };
  for (const bool environment : {false, true})
    for (const bool file : {false, true}) EXPECT_EQ(batch(true, environment, file), "11");
  EXPECT_EQ(batch(false, true, true), "12");
  EXPECT_EQ(batch(false, true, false), "12");
  EXPECT_EQ(batch(false, false, true), "13");
  EXPECT_EQ(batch(false, false, false), "256");
}

TEST_F(Options, TheEnvironmentChoosesThePresetToo) {
  const Outcome outcome = run_program("train meg --dry-run --flops-per-second 1e9", "ERG_TRAIN_PRESET=small");
  EXPECT_THAT(outcome.out, HasSubstr("train.steps=2500\n"));
  EXPECT_THAT(dry("gan", "ERG_TRAIN_BATCH= ERG_TRAIN_DATA=rings").out, HasSubstr("train.data=\"rings\"\n"));
  EXPECT_EQ(run_program("version", "ERG_TRAIN_BATCH=x").code, 0) << "is for train alone";
}

TEST_F(Options, AWrongValueSaysWhereItIsFrom) {
  expect_usage(dry("gan", "ERG_TRAIN_BATCH=x"),
               "--batch: expected a whole number of at least 2, below 2^31, got x (from ERG_TRAIN_BATCH)");
  expect_usage(dry("gan", "ERG_TRAIN_BACTH=4"),
               "unknown option '--bacth', did you mean '--batch'? (from ERG_TRAIN_BACTH)");
  expect_usage(dry("gan" + config("[train]\nbacth=4\n")),
               path("config.ini") + ": unknown setting 'train.bacth', did you mean 'batch'?");
  expect_usage(dry("gan" + config("batch=4\n")), "unknown setting 'batch', did you mean 'train.batch'?");
  expect_usage(dry("gan" + config("[sample]\nn=4\n")), "unknown setting 'sample.n'");
  expect_usage(dry("gan" + config("[traim]\nbatch=4\n")), "unknown section 'traim'; settings are those of [train]");
}

// ---- Words that are none

TEST(Words, ThatAreNoneGetTheNearestOne) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"trian gan", "unknown command 'trian', did you mean 'train'? There are demo, train,"},
      {"bench langevim", "unknown command 'langevim', did you mean 'langevin'? There are langevin, train, ops"},
      {"bench", "expected a command: langevin, train, ops; see 'erg bench --help'"},
      {"train", "expected a system: gan, lsgan,"},
      {"train gam", "unknown system 'gam', did you mean 'gan'? There are gan, lsgan,"},
      {"train gan --bacth 4", "unknown option '--bacth', did you mean '--batch'?; see 'erg train gan --help'"},
      {"train gan --colour red", "unknown option '--colour'; see 'erg train gan --help'"},
      {"train gan mnist", "'mnist' is one word too many"},
      {"train gan --batch", "--batch: expected a value"},
      {"train gan --data minst", "unknown data set 'minst', did you mean 'mnist'?"},
      {"train gan --schedule linaer", "unknown schedule 'linaer', did you mean 'linear'?"},
      {"train gan --loss minmax", "unknown loss of gan 'minmax', did you mean 'minimax'? There are non-saturating,"},
      {"train gan --guard maybe", "--guard: expected true or false, got maybe"},
      {"train gan --config /nowhere", "--config: there is no file /nowhere"},
      {"train gan --out \"$(printf 'a\\nb')\"", "--out: expected a path without line breaks"},
      {"train gan --out 'a#b'", "--out: expected a path without #"},
      {"train gan \"$(printf 'a\\nb')\"", "'a\\x0ab' is one word too many"},
      {"sample", "run is missing"},
      {"sample a b", "'b' is one word too many; see 'erg sample --help'"},
  };
  for (const auto& [typed, message] : mistakes) {
    SCOPED_TRACE(typed);
    expect_usage(run_program(typed), message);
  }
}

// ---- Help

TEST(Help, HasTheOptionsOfASystemAndNoOthers) {
  for (const std::string& system : tools::recipe_names()) {
    SCOPED_TRACE(system);
    const Outcome help = run_program("train " + system + " --help");
    ASSERT_EQ(help.code, 0);
    EXPECT_THAT(help.out,
                AllOf(HasSubstr("erg train SYSTEM [OPTIONS]"), HasSubstr("erg train --resume RUN [OPTIONS]")));
    for (const char* option : {"penalty", "chain-steps", "nets", "latent", "labels", "loss", "batch"}) {
      tools::Settings s = tools::preset(system, tools::default_data(system, "paper"), "paper");
      EXPECT_EQ(help.out.find("--" + std::string(option) + " ") != std::string::npos, tools::reads(s, option))
          << option;
    }
    size_t last = 0;
    for (const char* group : {"\nData:", "\nTraining:", "\nRun:"}) {
      const size_t at = help.out.find(group);
      ASSERT_NE(at, std::string::npos) << group;
      EXPECT_GT(at, last);
      last = at;
    }
  }
  EXPECT_THAT(run_program("train meg --preset small --help").out, HasSubstr("=2500"));
}

TEST(Help, WithoutASystemIsOfWhatAllHave) {
  const Outcome help = run_program("train --help");
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--batch"), HasSubstr("wgan-gp: Wasserstein"), Not(HasSubstr("--penalty"))));
}

TEST(Defaults, AreDataThatASystemIsFor) {
  const std::string dry = " --dry-run --flops-per-second 1e9 --preset small";
  for (const char* system : {"ladder", "ebgan-ln", "ebgan", "jem"}) {
    const Outcome outcome = run_program("train " + std::string(system) + dry);
    EXPECT_EQ(outcome.code, 0) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("train.data=\"mnist\"\n"));
  }
  EXPECT_THAT(run_program("train gan" + dry).out, HasSubstr("train.data=\"25gaussians\"\n"));
}

// ---- Completion

/// What bash offers at the end of a line.
std::vector<std::string> completions(const std::string& line) {
  const io::TemporaryFolder folder;
  io::atomic_write(folder / "script", R"sh(source <("$ERG" completion bash)
read -ra COMP_WORDS <<<"$1"
[[ $1 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1}
complete -p erg >/dev/null || exit 1
_erg "$ERG" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
)sh");
  const std::string command = "ERG='" ERG_PROGRAM "' bash '" + (folder / "script").string() + "' '" + line + "' 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string out;
  char buffer[4096];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  EXPECT_EQ(pclose(pipe), 0) << out;
  std::vector<std::string> words;
  std::istringstream lines(out);
  for (std::string word; std::getline(lines, word);)
    if (!word.empty()) words.push_back(word);
  return words;
}

class Completion : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v bash >/dev/null 2>&1") != 0) GTEST_SKIP() << "no bash";
  }
};

TEST_F(Completion, KnowsCommandsSystemsOptionsAndTheirWords) {
  using testing::Contains;
  using testing::ElementsAre;
  using testing::ElementsAreArray;
  EXPECT_THAT(completions("erg tr"), ElementsAre("train"));
  EXPECT_THAT(completions("erg bench "), ElementsAre("langevin", "train", "ops"));
  EXPECT_THAT(completions("erg train "), ElementsAreArray(tools::recipe_names()));
  EXPECT_THAT(completions("erg -q train eb"), ElementsAre("ebm", "ebgan", "ebgan-ln"));
  EXPECT_THAT(completions("erg train gan --preset "), ElementsAre("paper", "small"));
  EXPECT_THAT(completions("erg train gan --data m"), ElementsAre("mnist"));
  EXPECT_THAT(completions("erg train gan --loss "), ElementsAre("non-saturating", "minimax", "energy"));
  EXPECT_THAT(completions("erg train gan --pen"), ElementsAre());
  EXPECT_THAT(completions("erg train wgan-gp --pen"), ElementsAre("--penalty"));
  EXPECT_THAT(completions("erg train gan --batch 4 --dr"), ElementsAre("--dry-run"));
  EXPECT_THAT(completions("erg train gan --qu"), ElementsAre("--quiet")) << "of all commands";
  EXPECT_THAT(completions("erg sample ru"), ElementsAre()) << "a file: the shell's business";
  EXPECT_THAT(completions("erg completion "), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(completions("erg sample --sam"), Contains("--sampler"));
}

/// Whatever help shows can be completed.
TEST_F(Completion, OffersAllThatHelpShows) {
  for (const std::string command : {"train meg", "train ebm", "sample", "eval", "bench ops", "tape gan", "report"}) {
    SCOPED_TRACE(command);
    const std::vector<std::string> offered = completions("erg " + command + " --");
    std::istringstream help(run_program(command + " --help").out);
    int shown = 0;
    for (std::string line; std::getline(help, line);) {
      const size_t at = line.find("--");
      if (!line.starts_with("  -") || at == std::string::npos) continue;
      ++shown;
      EXPECT_THAT(offered, testing::Contains(line.substr(at, line.find_first_of(" ,", at) - at)));
    }
    EXPECT_GT(shown, 2);
  }
}

TEST(CompletionScripts, AreThere) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome script = run_program(std::string("completion ") + shell);
    EXPECT_EQ(script.code, 0);
    EXPECT_THAT(script.out, HasSubstr("completion -- "));
  }
  expect_usage(run_program("completion tcsh"), "unknown shell 'tcsh'; there are bash, zsh, fish");
}

}  // namespace
}  // namespace erg::test
