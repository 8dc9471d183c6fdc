// erg convert from outside: there and back, networks out of runs and into them, and what is refused.
#include <gmock/gmock.h>

#include <filesystem>

#include "engine/io/npy.h"
#include "engine/io/npz.h"
#include "engine/io/safetensors.h"
#include "io_support.h"
#include "run_program.h"

namespace erg::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string golden = ERG_SOURCE_DIR "/tests/golden/pytorch/";

class Convert : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void convert(const std::string& arguments) const {
    const Outcome outcome = run_program("convert " + arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.out;
  }
  std::string run(const std::string& name, const std::string& seed = "1") const {
    const Outcome trained = run_program(
        "train gan --data 25gaussians --preset small --steps 2 --batch 8 --width 8 -q "
        "--seed " +
        seed + " --out " + path(name));
    EXPECT_EQ(trained.code, 0) << trained.out;
    return path(name);
  }
  static void expect_same(const io::StateDict& a, const io::StateDict& b) {
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(io::same_bits(b.tensor(name), tensor)) << name;
  }

  io::TemporaryFolder folder_;
};

TEST_F(Convert, GoesThroughEveryFormatAndBack) {
  const std::string start = golden + "resnet_critic.safetensors";
  convert(start + " " + path("a.npz"));
  convert(path("a.npz") + " " + path("arrays"));
  convert(path("arrays") + " " + path("b.safetensors"));
  expect_same(io::read_safetensors(start), io::read_safetensors(path("b.safetensors")));

  convert(path("arrays/6.bias.npy") + " " + path("bias.safetensors"));
  convert(path("bias.safetensors") + " " + path("again.npy"));
  EXPECT_TRUE(io::same_bits(io::read_npy(path("again.npy")), io::read_npy(path("arrays/6.bias.npy"))));
}

TEST_F(Convert, ANetworkGoesFromOneRunIntoAnother) {
  const std::string from = run("from"), into = run("into", "2");
  const auto sample = [&](const std::string& run) {
    EXPECT_EQ(run_program("sample " + run + " --n 8 --out " + path("x.npy")).code, 0);
    return io::read_npy(path("x.npy"));
  };
  const Tensor before = sample(into);
  convert(from + " " + path("g.safetensors") + " --network generator");
  const io::StateDict generator = io::read_safetensors(path("g.safetensors"));
  EXPECT_EQ(generator.text("format"), "pt");
  EXPECT_TRUE(generator.tensors.contains("0.weight"));
  EXPECT_FALSE(io::same_bits(before, sample(from)));

  convert(path("g.safetensors") + " " + into + " --network generator");
  EXPECT_TRUE(io::same_bits(sample(into), sample(from)));
  EXPECT_TRUE(fs::exists(into + "/ckpt/00000002.safetensors")) << "the former checkpoint stays";
  EXPECT_EQ(run_program("train -q --resume " + into + " --steps 5").code, 0);

  convert(from + " " + into + " --network generator");
  EXPECT_TRUE(io::same_bits(sample(into), sample(from))) << "without a file between";
}

TEST_F(Convert, TellsThatCountersStayBehind) {
  const Outcome outcome = run_program("convert " + run("run") + " " + path("all.npz"));
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("stay behind"));
}

TEST_F(Convert, RefusesWhatMakesNoSense) {
  const std::string start = golden + "resnet_critic.safetensors", gan = run("run");
  io::StateDict odd;
  odd.tensors["../outside"] = Tensor::zeros({1});
  io::write_safetensors(path("odd.safetensors"), odd);
  io::StateDict former;
  former.tensors["generator.0.weight"] = Tensor::zeros({1});
  former.set_counter("steps", 3);
  io::write_safetensors(path("former.safetensors"), former);
  io::atomic_write(path("net.pt"), "PK");
  fs::create_directory(path("empty"));
  const struct {
    std::string arguments;
    int code;
    const char* message;
  } mistakes[] = {
      {path("net.pt") + " " + path("x.safetensors"), 64, "save_file"},
      {start + " " + path("x.h5"), 64, "expected .safetensors"},
      {start + " " + path("x.npy"), 64, "name a .npz file or a folder"},
      {gan + " " + path("x.safetensors") + " --network discriminator", 64, "holds critic, generator"},
      {start + " " + gan, 64, "there are critic, generator"},
      {start + " " + gan + " --network generator", 65, "another model"},
      {path("odd.safetensors") + " " + path("x"), 65, "cannot be a file's name"},
      {path("former.safetensors") + " " + path("x.safetensors") + " --network generator", 65, "an earlier erg"},
      {golden + "make.py/x.npz " + path("x.safetensors"), 66, "is not there"},
      {path("empty") + " " + path("x.safetensors"), 66, "holds no .npy file"},
      {start + " " + path("nowhere/x.npz"), 73, "cannot be created"},
  };
  for (const auto& mistake : mistakes) {
    const Outcome outcome = run_program("convert " + mistake.arguments);
    EXPECT_EQ(outcome.code, mistake.code) << mistake.arguments << "\n" << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr(mistake.message)) << mistake.arguments;
  }
}

}  // namespace
}  // namespace erg::test
