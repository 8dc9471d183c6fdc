// `erg bench ops`: that it measures every kernel, in all formats; and that rulers which are not there are no loss.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "engine/device.h"
#include "kernel_runs.h"
#include "run_program.h"
#include "tools/bench/kernel_cases.h"
#include "tools/bench/library.h"

namespace erg::tools {
namespace {

using test::Outcome;
using test::run_program;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* quick = "bench ops -q --device cpu --threads 1 --repeats 1 --small ";

nlohmann::json report_of(const std::string& arguments) {
  const Outcome outcome = run_program(arguments + " --format json");
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  return nlohmann::json::parse(outcome.out);
}

TEST(BenchKernels, MeasuresEveryKernel) {
  const nlohmann::json report = report_of(quick);
  std::set<std::string> measured;
  for (const nlohmann::json& row : report["rows"]) {
    SCOPED_TRACE(row.dump());
    measured.insert(row["kernel"]);
    EXPECT_EQ(row["precision"], "fp32");
    for (const char* key : {"us", "gbytes_per_s", "fraction"}) EXPECT_GT(row[key], 0.0) << key;
    EXPECT_TRUE(row["us_in_graph"].is_null());
    EXPECT_EQ(row["ruler"].is_null(), row["ratio"].is_null());
    EXPECT_EQ(row["checked"].is_null(), row["kernel"] == "dense_chain_");
    if (!row["checked"].is_null()) { EXPECT_TRUE(row["checked"]["passed"]); }
    EXPECT_TRUE(report["ceilings"].contains(row["ceiling"]));
  }
  const std::vector<std::string> names = kernel_names();
  EXPECT_EQ(measured, std::set<std::string>(names.begin(), names.end()));
}

TEST(BenchKernels, RatesAreOperationsAndBytesOverTime) {
  const nlohmann::json gemm = report_of(std::string(quick) + "--only gemm")["rows"][0];
  const double seconds = 1e-6 * double(gemm["us"]);
  EXPECT_EQ(gemm["shape"], "64 cubed");
  EXPECT_NEAR(double(gemm["gflops_per_s"]) * seconds, 1e-9 * 2 * 64 * 64 * 64, 1e-12);
  EXPECT_NEAR(double(gemm["gbytes_per_s"]) * seconds, 1e-9 * 3 * 4 * 64 * 64, 1e-12);
  const nlohmann::json update = report_of(std::string(quick) + "--only langevin_")["rows"][0];
  EXPECT_TRUE(update["gflops_per_s"].is_null()) << "its time is that of its bytes";
  EXPECT_NEAR(double(update["gbytes_per_s"]) * 1e-6 * double(update["us"]), 1e-9 * 12 * (1 << 14), 1e-12);
}

TEST(BenchKernels, CsvHasAColumnForEveryHeading) {
  const Outcome outcome = run_program(std::string(quick) + "--only conv2d_dx --format csv");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  std::istringstream lines(outcome.out);
  std::string heading, line;
  std::getline(lines, heading);
  EXPECT_THAT(heading, StartsWith("kernel,shape,precision,us,us_in_graph,gflops_per_s,gbytes_per_s,fraction,ceiling,"));
  int rows = 0;
  for (; std::getline(lines, line); ++rows)
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), std::count(heading.begin(), heading.end(), ',')) << line;
  EXPECT_EQ(rows, 2);
}

TEST(BenchKernels, TheTableExplainsItself) {
  const Outcome outcome = run_program(std::string(quick) + "--only sum_axis");
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  for (const char* part : {"ceilings: peak", "kernel", "sum_axis", "of ceiling", "triad", "checked", "ok"})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  for (const char* ruler : {"oneDNN", "OpenBLAS"})
    EXPECT_THAT(outcome.out, HasSubstr(ruler)) << "it is there, or a word says why not";
}

TEST(BenchKernels, OnAGpuProductsHaveTwoPrecisionsAndGraphs) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no CUDA device: " << why_no_cuda();
  const nlohmann::json report = report_of("bench ops -q --device cuda --repeats 1 --small --only gemm");
  std::vector<std::string> precisions;
  for (const nlohmann::json& row : report["rows"]) {
    precisions.push_back(row["precision"]);
    for (const char* key : {"us", "us_in_graph", "gflops_per_s"}) EXPECT_GT(row[key], 0.0) << key;
    EXPECT_EQ(row["ceiling"], precisions.back() + " products") << row;
  }
  EXPECT_THAT(precisions, ElementsAre("tf32", "fp32"));
  for (const char* name : {"copy", "tf32 products", "fp32 products"}) EXPECT_GT(report["ceilings"][name]["rate"], 0.0);
  EXPECT_FALSE(report["remarks"].empty()) << "rulers are there, or a word says why not";
}

TEST(BenchKernels, MistakesAreUsageErrors) {
  for (const char* arguments : {"bench ops --only sort", "bench ops --format xml", "bench ops --repeats 0"})
    EXPECT_EQ(run_program(arguments).code, 64) << arguments;
  EXPECT_EQ(run_program("bench ops --small --device cuda:99").code, 69);
}

// ---- Rulers

TEST(Rulers, OfTheCpuMultiplyAsErgDoes) {
  Rulers rulers(cpu_device);
  EXPECT_EQ(rulers.remarks().size(), 2u) << "a word on oneDNN and one on OpenBLAS";
  if (!rulers.has_gemm()) GTEST_SKIP() << rulers.remarks()[0] << "; " << rulers.remarks()[1];
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      const kernels::GemmShape s{5, 7, 3, transpose_a, transpose_b};
      const std::vector<real> a = test::random_reals(s.m * s.k, 1), b = test::random_reals(s.k * s.n, 2);
      std::vector<real> c(size_t(s.m * s.n)), theirs = c, workspace(size_t(kernels::gemm_workspace(cpu_device, s)));
      kernels::gemm(Stream{}, s, a.data(), b.data(), workspace.data(), c.data());
      rulers.gemm(s, Precision::fp32, a.data(), b.data(), theirs.data())->launch();
      for (size_t i = 0; i < c.size(); ++i) EXPECT_NEAR(c[i], theirs[i], 1e-5);
    }
}

TEST(Rulers, AMissingLibraryOrFunctionIsAWord) {
  try {
    Library({"liberg-not-there.so.1", "liberg-not-there.so.2"});
    FAIL() << "opened a library that is not there";
  } catch (const RulerError& error) { EXPECT_THAT(error.what(), HasSubstr("liberg-not-there.so.1")); }
  const Library c({"liberg-not-there.so.1", "libc.so.6"});
  EXPECT_EQ(c.name(), "libc.so.6");
  int (*const absolute)(int) = c["abs"];
  EXPECT_EQ(absolute(-3), 3);
  EXPECT_THROW(c["no_such_function"], RulerError);
}

}  // namespace
}  // namespace erg::tools
