// Whole files: bounded reading, atomic writing, and what their errors say.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <thread>

#include "engine/io/error.h"
#include "engine/io/gzip.h"
#include "io_support.h"

namespace erg::io {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(ReadFile, ReturnsEveryByte) {
  TemporaryFolder folder;
  std::string bytes(200'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = char(i * 7 % 251);
  atomic_write(folder / "f", bytes);
  EXPECT_EQ(read_file(folder / "f"), bytes);
  EXPECT_EQ(read_file(folder / "f", 200'000), bytes);
  atomic_write(folder / "f", "");
  EXPECT_EQ(read_file(folder / "f"), "");
}

TEST(ReadFile, RefusesMoreThanTheLimitEvenWithoutEnd) {
  TemporaryFolder folder;
  atomic_write(folder / "f", "12345");
  EXPECT_THAT(message_of<DataError>([&] { read_file(folder / "f", 4); }), HasSubstr("at most 4 bytes"));
  EXPECT_THROW(read_file("/dev/zero", 1'000'000), DataError);
}

TEST(ReadFile, SaysWhatIsMissing) {
  TemporaryFolder folder;
  EXPECT_THAT(message_of<MissingError>([&] { read_file(folder / "f"); }),
              AllOf(StartsWith((folder / "f").string() + ": "), HasSubstr("No such file")));
  EXPECT_THAT(message_of<MissingError>([&] { read_file(folder.path); }), HasSubstr("directory"));
}

TEST(AtomicWrite, CreatesAndReplaces) {
  TemporaryFolder folder;
  atomic_write(folder / "f", "old");
  EXPECT_EQ(read_file(folder / "f"), "old");
  atomic_write(folder / "f", [](const Write& write) { write("ne"), write(""), write("w"); });
  EXPECT_EQ(read_file(folder / "f"), "new");
  EXPECT_EQ(folder.files(), 1);
}

TEST(AtomicWrite, GivesTheFileItsUsualPermissions) {
  TemporaryFolder folder;
  const mode_t mask = ::umask(0022);
  atomic_write(folder / "f", "x");
  ::umask(mask);
  EXPECT_EQ(int(fs::status(folder / "f").permissions()), 0644);
}

TEST(AtomicWrite, KeepsTheOldFileWhenTheBodyThrows) {
  TemporaryFolder folder;
  atomic_write(folder / "f", "old");
  const auto interrupted = [&] {
    atomic_write(folder / "f", [](const Write& write) {
      write("half of it");
      throw std::logic_error("interrupted");
    });
  };
  EXPECT_THROW(interrupted(), std::logic_error);
  EXPECT_EQ(read_file(folder / "f"), "old");
  EXPECT_EQ(folder.files(), 1);
}

TEST(AtomicWrite, KeepsTheOldFileWhenTheDiskIsFull) {
  TemporaryFolder folder;
  atomic_write(folder / "f", "old");
  // A limit on the size of files fails a write midway, as a full disk does.
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{10'000, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  WriteError::Step step = WriteError::Step::create;
  try {
    atomic_write(folder / "f", std::string(1'000'000, 'x'));
  } catch (const WriteError& error) { message = error.what(), step = error.step; }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, AllOf(StartsWith((folder / "f").string() + ": "), HasSubstr("File too large")));
  EXPECT_EQ(step, WriteError::Step::write);
  EXPECT_EQ(read_file(folder / "f"), "old");
  EXPECT_EQ(folder.files(), 1);
}

TEST(AtomicWrite, SaysThatItCannotCreate) {
  TemporaryFolder folder;
  for (const fs::path& file : {folder / "none" / "f", folder.path}) {
    try {
      atomic_write(file, "x");
      ADD_FAILURE() << "no error";
    } catch (const WriteError& error) {
      EXPECT_EQ(error.step, WriteError::Step::create);
      EXPECT_THAT(error.what(), StartsWith(file.string() + ": "));
    }
  }
  EXPECT_EQ(folder.files(), 0);
}

TEST(AtomicWrite, ReportsAFolderThatVanishesMeanwhile) {
  TemporaryFolder folder;
  fs::create_directory(folder / "run");
  const auto write = [&] {
    atomic_write(folder / "run" / "f", [&](const Write& write) {
      write("x");
      fs::remove_all(folder / "run");
    });
  };
  EXPECT_THAT(message_of<WriteError>(write), HasSubstr("cannot be replaced"));
}

TEST(AtomicWrite, WritesDevicesInPlace) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "SKIPPED: this machine has no /dev/full";
  EXPECT_THAT(message_of<WriteError>([] { atomic_write("/dev/full", "x"); }), HasSubstr("No space left"));
  atomic_write("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(AtomicWrite, FollowsLinks) {
  TemporaryFolder folder;
  fs::create_directory(folder / "elsewhere");
  atomic_write(folder / "elsewhere" / "f", "old");
  fs::create_symlink(folder / "elsewhere" / "f", folder / "link");
  atomic_write(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "elsewhere" / "f"), "new");
}

TEST(AtomicWrite, ConcurrentWritersLeaveOneWholeFile) {
  TemporaryFolder folder;
  const auto writer = [&](char c) {
    for (int i = 0; i < 20; ++i) atomic_write(folder / "f", std::string(100'000, c));
  };
  std::thread other(writer, 'a');
  writer('b');
  other.join();
  EXPECT_THAT(read_file(folder / "f"), AnyOf(std::string(100'000, 'a'), std::string(100'000, 'b')));
  EXPECT_EQ(folder.files(), 1);
}

TEST(FileError, IsOneLineWithoutControlCharacters) {
  EXPECT_STREQ(DataError("a\nb", "x\x1b[2J\x7f").what(), "a\\x0ab: x\\x1b[2J\\x7f");
  EXPECT_STREQ(DataError("\u00e9", "\u20ac \U0001f600").what(), "\u00e9: \u20ac \U0001f600");
  EXPECT_STREQ(DataError("f",
                         "\xc2\x9b"
                         "2J")
                   .what(),
               "f: \\xc2\\x9b2J");  // terminals know this one as ESC [
  EXPECT_STREQ(DataError("f", "\xff\xe2\x82").what(), "f: \\xff\\xe2\\x82");
  EXPECT_EQ(cite("name"), "'name'");
  EXPECT_EQ(cite(std::string(1000, 'n')), "'" + std::string(80, 'n') + "...'");
}

TEST(Crc32, IsThatOfTheStandard) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926u);  // the check value of every catalogue of CRCs
  EXPECT_EQ(crc32(""), 0u);
}

TEST(Gunzip, ReturnsTheContent) {
  const std::string content = "some bytes, a zero \0 among them";
  EXPECT_TRUE(is_gzip(gzip_file(content)));
  EXPECT_FALSE(is_gzip(content));
  EXPECT_EQ(gunzip(gzip_file(content), 100, "f"), content);
  EXPECT_EQ(gunzip(gzip_file(""), 0, "f"), "");
  const std::string large(65'535, 'x');
  EXPECT_EQ(gunzip(gzip_file(large), 65'535, "f"), large);
}

TEST(Gunzip, StopsAtTheLimit) {
  EXPECT_THAT(message_of<DataError>([] { gunzip(gzip_file("12345"), 4, "f"); }), HasSubstr("at most 4 bytes"));
}

}  // namespace
}  // namespace erg::io
