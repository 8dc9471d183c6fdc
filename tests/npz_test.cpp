// npz: what NumPy wrote, what it is to read, and broken archives.
#include "engine/io/npz.h"

#include <gmock/gmock.h>

#include "engine/io/error.h"
#include "io_support.h"

namespace erg::io {
namespace {

using testing::HasSubstr;

const std::map<std::string, Tensor> two = {{"a", Tensor::from_host({2, 2}, std::vector<real>{1, 2, 3, 4})},
                                           {"layer.0.weight", Tensor::from_host({3}, std::vector<real>{5, 6, 7})}};

std::string archive() {
  const TemporaryFolder folder;
  write_npz(folder / "two.npz", two);
  return read_file(folder / "two.npz");
}

TEST(Npz, ComesBackAsItWent) {
  const auto back = parse_npz(archive(), "two.npz");
  ASSERT_EQ(back.size(), two.size());
  for (const auto& [name, tensor] : two) EXPECT_TRUE(same_bits(back.at(name), tensor)) << name;
  EXPECT_EQ(archive(), archive()) << "the same bytes at any time";
  const TemporaryFolder folder;
  write_npz(folder / "empty.npz", {});
  EXPECT_TRUE(read_npz(folder / "empty.npz").empty());
}

TEST(Npz, ReadsBothKindsThatNumPyWrites) {
  const std::string folder = ERG_SOURCE_DIR "/tests/golden/pytorch/";
  EXPECT_EQ(read_npz(folder + "dcgan_generator.npz").at("y").shape(), (Shape{2, 3, 28, 28}));  // stored
  EXPECT_EQ(read_npz(folder + "dcgan_critic.npz").at("x").shape(), (Shape{2, 3, 28, 28}));     // deflated
}

TEST(Npz, EveryShortenedArchiveIsRefused) {
  const std::string whole = archive();
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(parse_npz(whole.substr(0, length), "two.npz"), DataError) << length;
  EXPECT_THROW(parse_npz(whole + "x", "two.npz"), DataError);
}

/// Whatever byte is changed, it is the same arrays that are read or none: a name or the date may differ.
TEST(Npz, NoChangedByteChangesANumber) {
  const std::string whole = archive();
  for (size_t at = 0; at < whole.size(); ++at)
    for (const int flip : {1, 128, 255}) {
      std::string damaged = whole;
      damaged[at] = char(damaged[at] ^ flip);
      try {
        const auto back = parse_npz(damaged, "two.npz");
        ASSERT_EQ(back.size(), two.size()) << at;
        for (const auto& [name, tensor] : back)
          EXPECT_TRUE(same_bits(tensor, two.at("a")) || same_bits(tensor, two.at("layer.0.weight"))) << at;
      } catch (const DataError&) {}
    }
}

TEST(Npz, SaysWhatIsWrong) {
  const auto message = [](std::string bytes) { return message_of<DataError>([&] { parse_npz(bytes, "two.npz"); }); };
  const std::string whole = archive();
  const size_t line = whole.find("PK\1\2"), end = whole.find("PK\5\6");
  std::string encrypted = whole, foreign = whole, twice = whole, method = whole;
  encrypted[line + 8] = 1;
  method[line + 10] = 12;
  foreign.replace(whole.find("a.npy", line), 5, "a.txt");
  EXPECT_THAT(message(encrypted), HasSubstr("encrypted"));
  EXPECT_THAT(message(method), HasSubstr("got 12"));
  EXPECT_THAT(message(foreign), HasSubstr("a.txt"));
  const std::string first = whole.substr(line, 46 + 5);  // the directory's line of a.npy, twice
  twice.replace(line, end - line, first + first);
  EXPECT_THAT(message(twice), HasSubstr("comes twice"));
  EXPECT_THAT(message("hello, this is not an archive at all"), HasSubstr("bad npz file"));
}

}  // namespace
}  // namespace erg::io
