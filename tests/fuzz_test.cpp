// The files that fuzzing began with and those that it found, through the fuzzers' own targets (fuzz/targets.h): no
// promise is broken, and none asks for more memory at once than it justifies.
#include <gtest/gtest.h>

#include <filesystem>

#include "allocations.h"
#include "engine/io/file.h"
#include "fuzz/targets.h"

namespace erg::fuzz {
namespace {

struct Target {
  const char* name;
  void (*run)(std::string_view bytes);
  size_t expansion;
};

std::ostream& operator<<(std::ostream& out, const Target& target) { return out << target.name; }

#define ERG_ROW(name, expansion) {#name, name, expansion},
const Target targets[] = {ERG_FUZZ_TARGETS(ERG_ROW)};
#undef ERG_ROW

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, BreaksNoPromise) {
  const Target& target = GetParam();
  target.run("");  // what is made once is not a file's
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(ERG_SOURCE_DIR) / "tests" /
                                                               "fuzz" / "corpus" / target.name)) {
    SCOPED_TRACE(entry.path());
    const std::string bytes = io::read_file(entry.path());
    largest_request = 0;
    EXPECT_NO_THROW(target.run(bytes));
    EXPECT_LE(largest_request, 65536 + target.expansion * bytes.size());
    ++files;
  }
  EXPECT_GT(files, 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus, testing::ValuesIn(targets),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace erg::fuzz
