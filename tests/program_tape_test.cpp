// `erg tape`: what it sees of a training step, and how it tells it.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "engine/random.h"
#include "io_support.h"
#include "run_program.h"
#include "tiny_settings.h"
#include "tools/data.h"
#include "tools/dry_run.h"
#include "tools/recipes/recipes.h"
#include "tools/tape/study.h"

namespace erg::tools {
namespace {

using test::Outcome;
using test::run_program;
using test::tiny;
using testing::AllOf;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing::StartsWith;

/// A system in training on noise.
struct Game {
  explicit Game(const Settings& settings)
      : trainer(make_trainer(settings, sample_shape(settings.data))),
        x(Noise(1, "test").uniform(batch_shape(settings), -1, 1)),
        labels(Tensor::zeros({settings.batch})) {}

  void step() {
    trainer->step([&] { return x; }, [&] { return Labelled{x, labels}; });
  }
  StepProfile watched_step() {
    NamesOfMemory names;
    for (const Visitor::Entry& e : entries(*trainer))
      if (e.tensor) names[e.tensor->data()] = e.name;
    return watch([&] { step(); }, cpu_device, names);
  }
  int64_t layers_of(const std::string& network) const {
    int64_t count = 0;
    for (const Visitor::Entry& e : entries(*trainer))
      count += e.trained && e.name.starts_with(network) && e.name.ends_with("weight");
    return count;
  }

  std::unique_ptr<Trainer> trainer;
  Tensor x, labels;
};

int64_t nodes(const RecordedTape& tape, const std::string& op) {
  return std::ranges::count(tape.nodes, op, &TapeNode::op);
}

/// How often the VJPs of a tape computed an operation.
int64_t in_vjps(const RecordedTape& tape, const std::string& op) {
  int64_t count = 0;
  for (const TapeNode& node : tape.nodes) count += std::ranges::count(node.backward, op, &Launched::op);
  return count;
}

TEST(Tapes, OfAGanHaveTheProductsOfItsLayersBothWays) {
  Game game(tiny("gan"));
  game.step();
  const StepProfile step = game.watched_step();
  const int64_t d = game.layers_of("critic"), g = game.layers_of("generator");
  ASSERT_GT(d, 1);
  ASSERT_GT(g, 1);
  ASSERT_EQ(step.tapes.size(), 2u);

  const RecordedTape &critic = step.tapes[0], &generator = step.tapes[1];
  EXPECT_EQ(critic.watches, "critic");
  EXPECT_EQ(nodes(critic, "leaf"), 2 * d);  // weights and biases
  EXPECT_EQ(nodes(critic, "matmul"), 2 * d) << "of real samples and of fakes";
  EXPECT_EQ(in_vjps(critic, "matmul"), 2 * (d + (d - 1)))
      << "every weight's gradient, every layer's input's but the data";

  EXPECT_EQ(generator.watches, "generator");
  EXPECT_EQ(nodes(generator, "matmul"), g + d);
  EXPECT_EQ(in_vjps(generator, "matmul"), (g + (g - 1)) + d) << "the critic's weights are at rest";

  int64_t fakes = 0, adam = 0;
  for (const Unrecorded& row : step.outside) {
    if (row.name == "matmul") fakes += row.count;
    if (row.name == "adam_") adam += row.count;
  }
  EXPECT_EQ(fakes, g) << "the critic's fakes are computed for nobody's gradient";
  EXPECT_EQ(adam, 2);
}

TEST(Tapes, SayWhatAProductKeeps) {
  Game game(tiny("gan"));
  game.step();
  const StepProfile step = game.watched_step();
  const auto product = std::ranges::find(step.tapes[0].nodes, "matmul", &TapeNode::op);
  ASSERT_EQ(product->keeps.size(), 1u) << "the data, for the weight's gradient: nobody wants the data's";
  EXPECT_EQ(product->keeps[0].shape, (Shape{4, 2}));
  EXPECT_EQ(kept_bytes(*product), 4 * 2 * int64_t(sizeof(real)));
  EXPECT_EQ(product->inputs[1].name, "critic.0.weight");
  EXPECT_EQ(product->output.shape, (Shape{4, 2}));
  const auto inner = std::find_if(product + 1, step.tapes[0].nodes.end(), [](auto& n) { return n.op == "matmul"; });
  ASSERT_EQ(inner->keeps.size(), 2u) << "the layer's input, and the weight for the input's gradient";
  EXPECT_EQ(kept_bytes(*inner), 4 * 2 * int64_t(sizeof(real))) << "the weight lives anyway";
}

TEST(Tapes, OfAGradientPenaltyHaveTheSweepAsNodes) {
  Game game(tiny("wgan-gp"));
  game.step();
  const StepProfile step = game.watched_step();
  ASSERT_EQ(step.tapes.size(), 6u) << "five of the critic, one of the generator";
  const RecordedTape& critic = step.tapes[0];
  int64_t second = 0, products = 0;
  for (const TapeNode& node : critic.nodes) {
    if (node.recorded_by < 0) continue;
    EXPECT_LT(node.recorded_by, node.output.node);
    EXPECT_THAT(recorded_vjp(critic, node.recorded_by), StartsWith("#"));
    ++second;
    products += node.op == "matmul";
  }
  EXPECT_EQ(products, game.layers_of("critic")) << "back to the samples through every layer";
  EXPECT_GT(second, products);
  EXPECT_EQ(shown_as(step, 4), 0u);
  EXPECT_EQ(shown_as(step, 5), 5u);
  EXPECT_EQ(std::ranges::count_if(step.tapes[5].nodes, [](auto& n) { return n.recorded_by >= 0; }), 0);
}

/// All work is in some row, and in one alone.
TEST(Tapes, HaveAllWorkOfAStep) {
  for (const std::string& system : recipe_names())
    for (const std::string data : {"25gaussians", "mnist"}) {
      const bool for_images = system == "jem" || system == "ebgan" || system == "ladder" || system == "ebgan-ln";
      if (for_images && data != "mnist") continue;
      const Settings s = tiny(system, data);
      if (s.nets == "mlp" && sample_shape(data).rank() > 1) continue;  // this system is for the plane alone
      SCOPED_TRACE(system + " on " + data);
      Game game(s);
      game.step();
      StepProfile step = game.watched_step();
      const Cost rows = cost_of(step);
      EXPECT_EQ(rows.flops, cost_of(s).flops_of_step);
      EXPECT_GT(rows.bytes, 0);
      EXPECT_LE(rows.seconds, step.seconds);
      double launches = 0;
      for (const Launched* launch : launches_of(step)) launches += launch->seconds;
      EXPECT_NEAR(rows.seconds, launches, 1e-9);
      for (const RecordedTape& tape : step.tapes)
        for (size_t i = 0; i < tape.nodes.size(); ++i) ASSERT_EQ(tape.nodes[i].output.node, int(i));
    }
}

TEST(Tapes, AreWatchedWithoutAChangeOfBits) {
  for (const std::string system : {"gan", "wgan-gp", "ebm"}) {
    Game watched(tiny(system)), alone(tiny(system));
    for (int i = 0; i < 3; ++i) {
      watched.watched_step();
      alone.step();
    }
    const auto a = entries(*watched.trainer), b = entries(*alone.trainer);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i].tensor) { EXPECT_EQ(a[i].tensor->to_host(), b[i].tensor->to_host()) << system << ": " << a[i].name; }
  }
}

TEST(Tapes, TakeTheMedianOfEveryLaunch) {
  const auto with = [](double first, double second, double whole) {
    StepProfile step{
        .outside = {{"adam_", {}, 2, {{.kernel = "adam_", .seconds = first}, {.kernel = "adam_", .seconds = second}}}}};
    step.seconds = whole;
    return step;
  };
  bool same = false;
  StepProfile median = median_step({with(1, 9, 20), with(2, 7, 10), with(30, 8, 40)}, same);
  EXPECT_TRUE(same);
  EXPECT_EQ(launches_of(median)[0]->seconds, 2);
  EXPECT_EQ(launches_of(median)[1]->seconds, 8);
  EXPECT_EQ(median.seconds, 2 + 8 + 2) << "of 10, 1 and 2 seconds that no launch accounts for";

  StepProfile other = with(1, 1, 15);
  other.outside[0].launches.pop_back();
  median = median_step({with(1, 9, 20), other, with(30, 8, 40)}, same);
  EXPECT_FALSE(same);
  EXPECT_EQ(median.seconds, 20);
}

/// On a GPU, and in the emulator.
TEST(Tapes, OfAGpuHaveTheSameRows) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no CUDA device: " << why_no_cuda();
  Settings s = tiny("wgan-gp");
  const TapeStudy on_cpu = study_tape(s, 1);
  s.device = "cuda";
  const TapeStudy on_gpu = study_tape(s, 1);
  ASSERT_EQ(on_gpu.step.tapes.size(), on_cpu.step.tapes.size());
  for (size_t i = 0; i < on_cpu.step.tapes.size(); ++i)
    EXPECT_TRUE(alike(on_gpu.step.tapes[i], on_cpu.step.tapes[i])) << i;
  EXPECT_EQ(cost_of(on_gpu.step).flops, cost_of(on_cpu.step).flops);
  EXPECT_THAT(tape_text(on_gpu), HasSubstr("each launch is waited for"));
}

// ---- The command

constexpr const char* quick = "tape gan --preset small --batch 8 --width 4 --device cpu --threads 1 -q";

TEST(ProgramTape, TellsItAsText) {
  const Outcome outcome = run_program(quick);
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  for (const char* part : {"ceilings: peak ", "gan on 25gaussians, preset small, batch 8",
                           "tape 1, watches critic:", "tape 2, watches generator:", "critic.0.weight [2,4]",
                           "[8,2], critic.0.weight [2,4]", "on no tape", "adam_", "by operation", "unaccounted"})
    EXPECT_THAT(outcome.out, HasSubstr(part));
}

TEST(ProgramTape, TellsItAsJson) {
  const Outcome outcome = run_program(std::string(quick) + " --format json --repeats 3");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["step"]["system"], "gan");
  EXPECT_EQ(json["step"]["repeats"], 3);
  double seconds = 0, flops = 0;
  const auto add = [&](const nlohmann::json& work) {
    seconds += work["seconds"].get<double>();
    flops += work["flops"].get<double>();
    for (const nlohmann::json& kernel : work["kernels"]) EXPECT_TRUE(kernel["kernel"].is_string());
  };
  for (const nlohmann::json& tape : json["tapes"])
    for (const nlohmann::json& node : tape["nodes"]) add(node["forward"]), add(node["backward"]);
  for (const nlohmann::json& row : json["outside"]) add(row["work"]);
  EXPECT_NEAR(seconds, json["step"]["rows_seconds"].get<double>(), 1e-9);
  EXPECT_NEAR(seconds + json["step"]["unaccounted_seconds"].get<double>(), json["step"]["seconds"].get<double>(), 1e-9);
  EXPECT_EQ(flops, json["step"]["flops"].get<double>());
  const nlohmann::json& product = json["tapes"][0]["nodes"][8];  // after four layers' weights and biases
  EXPECT_EQ(product["op"], "matmul") << product;
  EXPECT_EQ(product["forward"]["kernels"][0]["kernel"], "gemm");
  EXPECT_EQ(product["inputs"][1]["name"], "critic.0.weight");
}

/// Every element is closed where it should be; those that have no end are left out.
void expect_well_formed(const std::string& html) {
  std::vector<std::string> open;
  for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const size_t word = at + (html[at + 1] == '/' ? 2 : 1), end = html.find_first_of(" >\n", word);
    const std::string name = html.substr(word, end - word);
    if (name == "!DOCTYPE" || name == "meta" || name == "br" || name == "html") continue;
    if (html[at + 1] != '/') {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << html.substr(at, 80);
    ASSERT_EQ(open.back(), name) << html.substr(at, 80);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(ProgramTape, WritesAPage) {
  const io::TemporaryFolder folder;
  const std::string file = (folder / "tape.html").string();
  const Outcome outcome = run_program("tape wgan-gp --preset small --batch 8 --width 4 --device cpu --html " + file);
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const std::string page = io::read_file(file);
  expect_well_formed(page);
  for (const char* part : {"Tape 1 watches critic", "As <a href=\"#tape1\">tape 1</a>", "critic.0.weight",
                           "recorded as #", "On no tape", "adam_"})
    EXPECT_THAT(page, HasSubstr(part));
  for (const char* outside : {"http://", "https://", "<script", "<link", "src=", "url("})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
}

TEST(ProgramTape, MistakesAreOneLineAndACode) {
  const auto expect = [](const std::string& arguments, int code, const std::string& message) {
    const Outcome outcome = run_program("tape " + arguments);
    EXPECT_EQ(outcome.code, code) << arguments << ": " << outcome.out;
    EXPECT_THAT(outcome.out, AllOf(StartsWith("erg: "), HasSubstr(message)));
  };
  expect("", 64, "system");
  expect("gam", 64, "unknown system 'gam'");
  expect("gan --format xml", 64, "xml");
  expect("gan --repeats 0", 64, "--repeats");
  expect("gan --steps 5", 64, "--steps");
  expect("gan --html page.pdf", 64, "--html page.pdf: expected a name that ends in .html");
  expect("gan --preset small --device cuda:77", 69, "cuda:77");
  expect("gan --preset small --batch 4 --width 2 --device cpu --html /nowhere/tape.html", 73, "/nowhere");
}

}  // namespace
}  // namespace erg::tools
