// `erg bench langevin`: its formats, its exit codes, and the tests of the law that stand behind them.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "engine/io/npy.h"
#include "io_support.h"
#include "run_program.h"
#include "tools/bench/law.h"
#include "tools/bench/report.h"
#include "tools/bench/workloads.h"

namespace erg::tools {
namespace {

using test::Outcome;
using test::run_program;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;
using testing::StartsWith;

// ---- Tests of a law

/// Points whose coordinates are N(0, deviation^2), but the last, which has mean `shift`.
Sample normals(int64_t count, int64_t size, uint64_t seed, double deviation = 1, double shift = 0) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal(0, deviation);
  Sample s{count, size, std::vector<double>(size_t(count * size))};
  for (size_t i = 0; i < s.values.size(); ++i)
    s.values[i] = normal(generator) + (int64_t(i) % size == size - 1 ? shift : 0);
  return s;
}

constexpr double smallest_p = 1.0 / (EnergyTest::permutations + 1);

TEST(Law, SamplesOfOneLawPass) {
  for (const int64_t size : {1, 8}) {
    const Sample a = normals(1024, size, 1), b = normals(700, size, 2);
    EXPECT_GT(energy_test(a, b, 3).p, 0.01);
    EXPECT_GT(moment_test(a, b).p, 0.01);
  }
}

TEST(Law, AnotherMeanOrVarianceIsFound) {
  const Sample a = normals(1024, 4, 1), shifted = normals(1024, 4, 2, 1, 0.5), wide = normals(1024, 4, 3, 1.3);
  EXPECT_EQ(energy_test(a, shifted, 4).p, smallest_p);
  EXPECT_EQ(energy_test(a, wide, 4).p, smallest_p);
  EXPECT_LT(smallest_p, significance) << "or nothing could fail";

  const MomentTest mean = moment_test(a, shifted), variance = moment_test(a, wide);
  EXPECT_LT(mean.p, significance);
  EXPECT_GT(mean.mean, 8);
  EXPECT_LT(mean.variance, 4);
  EXPECT_LT(variance.p, significance);
  EXPECT_GT(variance.variance, 4);
  EXPECT_LT(variance.mean, 4);
}

TEST(Law, TheEnergyDistanceSeesWhatMeanAndVarianceCannot) {
  // Two points against a normal law: mean 0 and variance 1 both.
  Sample coin = normals(1024, 1, 1);
  for (double& v : coin.values) v = v > 0 ? 1 : -1;
  const Sample normal = normals(1024, 1, 2);
  const MomentTest moments = moment_test(coin, normal);
  EXPECT_LT(moments.mean, 3);
  EXPECT_LT(moments.variance, 3);
  EXPECT_GT(moments.powers, 5);
  EXPECT_EQ(energy_test(coin, normal, 3).p, smallest_p);
}

TEST(Law, TheEnergyDistanceIsItsDefinition) {
  // 2 E|A-B| - E|A-A'| - E|B-B'| of {0, 1} and {2, 4}: 2 * 2.5 - 0.5 - 1.
  const Sample a{2, 1, {0, 1}}, b{2, 1, {2, 4}};
  EXPECT_NEAR(energy_test(a, b, 1).distance, 3.5, 1e-12);
}

TEST(Law, WhatIsNotANumberFails) {
  const Sample a = normals(512, 2, 1);
  Sample b = normals(512, 2, 2);
  b.values[100] = std::nan("");
  EXPECT_EQ(moment_test(a, b).p, 0);
  EXPECT_EQ(energy_test(a, b, 3).p, smallest_p);
}

TEST(Law, SizesMustAgree) {
  EXPECT_THROW(moment_test(normals(10, 2, 1), normals(10, 3, 1)), std::invalid_argument);
  EXPECT_THROW(energy_test(normals(10, 2, 1), normals(1, 2, 1), 1), std::invalid_argument);
}

// ---- Workloads and their references

/// The workload with steps of another law than its reference.
Workload with_constants(Workload w, const Langevin& langevin) {
  w.run = [langevin](const Tensor& starts, int64_t steps, Noise& noise) {
    return run(
        langevin, [](const Tensor& x) { return 2 * sum_per_sample(square(square(x) - 1)); }, starts, steps, noise);
  };
  return w;
}

double number(const LawCheck& check, const std::string& name) {
  for (const auto& [key, value] : check.numbers)
    if (key == name) return value;
  throw std::out_of_range(name);
}

TEST(Workloads, SamplersTakeTheWayOfChainsInDouble) {
  for (const std::string name : {"update", "double well", "mlp"})
    for (const Workload& w : make_workloads(name, 1)) {
      SCOPED_TRACE(w.work());
      const LawCheck check = check_law(w, 1);
      EXPECT_TRUE(check.passed);
      EXPECT_LT(number(check, "difference"), 1e-5);
      EXPECT_GT(number(check, "p"), significance);
    }
}

TEST(Workloads, AWrongStepIsSeenWithGivenNoiseAndAWrongTemperatureWithoutToo) {
  const Workload w = make_workloads("double well", 1).front();
  EXPECT_TRUE(check_law(with_constants(w, w.problem->langevin), 1).passed);

  Langevin slow = w.problem->langevin;
  slow.drift *= real(0.98);
  const LawCheck of_slow = check_law(with_constants(w, slow), 1);
  EXPECT_FALSE(of_slow.passed);
  EXPECT_GT(number(of_slow, "difference"), 1e-3);

  Langevin hot = w.problem->langevin;
  hot.noise *= real(1.5);
  const LawCheck of_hot = check_law(with_constants(w, hot), 1);
  EXPECT_FALSE(of_hot.passed);
  EXPECT_GT(number(of_hot, "powers"), 5);
}

/// A rectifier that rounds to the other side of its bend takes a chain elsewhere; not one in two of them.
TEST(Workloads, HalfOfTheChainsWithGivenNoiseMustStayNearAndAllFinite) {
  Workload w = make_workloads("double well", 1).front();
  Problem with_given_noise_alone = *w.problem;
  with_given_noise_alone.reference = {};
  w.problem = std::make_shared<Problem>(with_given_noise_alone);
  ASSERT_EQ(w.problem->driven.chains.count, 4);
  const auto passes = [&w](int64_t strays, real shift) {
    Workload astray = w;
    astray.run = [&](const Tensor& starts, int64_t steps, Noise& noise) {
      std::vector<real> ends = w.run(starts, steps, noise).to_host();
      for (int64_t i = 0; i < strays * w.size(); ++i) ends[size_t(i)] += shift;
      return Tensor::from_host(starts.shape(), ends);
    };
    return check_law(astray, 1).passed;
  };
  EXPECT_TRUE(passes(0, 1));
  EXPECT_TRUE(passes(2, 1));
  EXPECT_FALSE(passes(3, 1));
  EXPECT_FALSE(passes(1, std::numeric_limits<real>::quiet_NaN()));
}

TEST(Workloads, TheImageReferenceHasTheNetworksGradient) {
  const Workload w = make_workloads("image", 1).front();
  EXPECT_EQ(w.size(), 32 * 32 * 3);
  EXPECT_EQ(w.problem->reference.count, 0);
  const LawCheck check = check_law(w, 1);
  EXPECT_TRUE(check.passed);
  EXPECT_LT(number(check, "difference"), 1e-5);
}

TEST(Workloads, AFailedCheckFailsTheReport) {
  Report report{environment(1), {}, {{"law", "law"}}, {{LawCheck{true, {}}}}, {}, ""};
  EXPECT_TRUE(report.passed());
  report.rows.push_back({LawCheck{false, {}}});
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(to_table(report), HasSubstr("FAILED"));
  EXPECT_THAT(to_csv(report), HasSubstr("FAILED"));
  EXPECT_FALSE(nlohmann::json::parse(to_json(report))["rows"][1]["law"]["passed"]);
}

/// The problem's chains and constants, run on the first GPU, eagerly and by graph.
TEST(Workloads, AGpuKeepsTheLaw) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no CUDA device: " << why_no_cuda();
  const Device gpu = device_named("cuda");
  std::vector<std::string> names;
  for (const std::string only : {"update", "double well"})
    for (const Workload& w : make_workloads(only, 1, gpu, true)) {
      SCOPED_TRACE(w.name);
      names.push_back(w.name);
      EXPECT_EQ(w.starts().device(), gpu);
      const LawCheck check = check_law(w, 1);
      EXPECT_TRUE(check.passed);
      EXPECT_LT(number(check, "difference"), 1e-5);
    }
  EXPECT_THAT(names, ElementsAre("update", "double well", "double well by graph"));
}

TEST(Workloads, AReplayedChainGoesTheWayOfItsEagerTwin) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no CUDA device: " << why_no_cuda();
  const Device gpu = device_named("cuda");
  const std::vector<Workload> twins = make_workloads("double well", 1, gpu, true);
  Noise eager(1, "noise", gpu), replayed(1, "noise", gpu);
  for (int run = 0; run < 2; ++run)  // the second finds its step recorded
    EXPECT_EQ(twins[0].run(twins[0].starts(), 50, eager).to_host(),
              twins[1].run(twins[1].starts(), 50, replayed).to_host());
  EXPECT_EQ(eager.step(), replayed.step());
}

// ---- Reports

TEST(Report, ACellIsWhatItsColumnSays) {
  const std::vector<Column> columns = {
      {"name", "name"}, {"hidden"}, {"share", "share", "%.1f %%", 100}, {"rate", "rate"}};
  const Report report{environment(1), {},       columns, {{"one", int64_t(7), 0.5, {}}, {"three", {}, 0.25, 12.0}},
                      {"remark"},     "notes\n"};
  EXPECT_THAT(to_table(report), HasSubstr("\nname    share   rate\n"
                                          "one    50.0 %      -\n"
                                          "three  25.0 %  12.00\n\nremark\nnotes\n"));
  EXPECT_EQ(to_csv(report), "name,hidden,share,rate\none,7,0.5,\nthree,,0.25,12\n");
  const nlohmann::json json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["rows"][0], nlohmann::json::parse(R"({"name":"one","hidden":7,"share":0.5,"rate":null})"));
  EXPECT_EQ(json["remarks"], nlohmann::json::parse(R"(["remark"])"));
  EXPECT_EQ(json["environment"]["device"], "cpu");
  EXPECT_TRUE(json["environment"]["gpu"].is_null());
}

// ---- The command

constexpr const char* quick = "bench langevin -q --device cpu --threads 1 --repeats 1 --only 'double well'";

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

TEST(BenchLangevin, JsonSaysWhatRanWhereAndHowFast) {
  io::TemporaryFolder folder;
  const Outcome outcome = run_program(std::string(quick) + " --format json --export " + (folder / "work").string());
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const nlohmann::json report = nlohmann::json::parse(outcome.out);
  for (const char* key : {"program", "version", "date", "cpu", "threads", "isa", "compiler", "seed"})
    EXPECT_TRUE(report["environment"].contains(key)) << key;
  for (const char* name : {"peak", "cache triad", "memory triad"}) EXPECT_GT(report["ceilings"][name]["rate"], 0.0);

  ASSERT_EQ(report["rows"].size(), 3u);
  std::vector<int64_t> sizes;
  for (const nlohmann::json& row : report["rows"]) {
    sizes.push_back(row["d"]);
    EXPECT_EQ(row["threads"], 1);
    EXPECT_EQ(row["ceiling"], "cache triad");
    for (const char* key : {"us_per_step", "mchain_steps_per_s", "gbytes_per_s", "fraction"})
      EXPECT_GT(row[key], 0.0) << key;
    EXPECT_TRUE(row["gflops_per_s"].is_null());
    EXPECT_TRUE(row["law"]["passed"]) << row;
  }
  EXPECT_THAT(sizes, ElementsAre(8, 32, 128));

  const nlohmann::json exported = nlohmann::json::parse(io::read_file(folder / "work" / "work.json"));
  ASSERT_EQ(exported["work"].size(), 3u);
  for (const nlohmann::json& work : exported["work"]) {
    EXPECT_TRUE(work["high"].is_null()) << "no clamp";
    for (const nlohmann::json& file : {work["starts"], work["reference"], work["driven"]["chains"]})
      EXPECT_EQ(io::read_npy(folder / "work" / file.get<std::string>()).dim(1), work["d"]) << file;
    EXPECT_EQ(work["driven"]["steps"], work["steps"]);
  }
}

TEST(BenchLangevin, CsvHasAColumnForEveryHeading) {
  const Outcome outcome = run_program(std::string(quick) + " --format csv");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const std::vector<std::string> lines = split(outcome.out, '\n');
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_THAT(lines[0], StartsWith("workload,work,B,d,steps,threads,us_per_step,"));
  for (const std::string& line : lines)
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), std::count(lines[0].begin(), lines[0].end(), ','));
  EXPECT_THAT(lines[3], StartsWith("double well,double-well-128-1024,1024,128,200,1,"));
}

TEST(BenchLangevin, TheTableFitsAndExplainsItself) {
  const Outcome outcome = run_program(quick);
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  for (const char* part : {"ceilings: peak", "workload", "us/step", "of ceiling", "cache triad", "ok  difference"})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  for (const std::string& line : split(outcome.out, '\n')) EXPECT_THAT(line.size(), Le(200u));
}

TEST(BenchLangevin, MistakesAreUsageErrors) {
  for (const char* arguments :
       {"bench", "bench lattice", "bench langevin --format xml", "bench langevin --only dance",
        "bench langevin --threads 0", "bench langevin --repeats 0", "bench langevin --device gpu"}) {
    const Outcome outcome = run_program(arguments);
    EXPECT_EQ(outcome.code, 64) << arguments << ": " << outcome.out;
    EXPECT_THAT(outcome.out, StartsWith("erg: "));
  }
  EXPECT_EQ(run_program("bench langevin -q --export /dev/null/work --only 'double well'").code, 73);
}

}  // namespace
}  // namespace erg::tools
