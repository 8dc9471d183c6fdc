// npy: round trips, the bytes on disk, and the variants that NumPy writes.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>

#include "engine/io/error.h"
#include "engine/io/npy.h"
#include "io_support.h"

namespace erg::io {
namespace {

constexpr const char* descr = sizeof(real) == 4 ? "<f4" : "<f8";

RC_GTEST_PROP(Npy, RoundTrips, ()) {
  Shape shape;
  const int rank = *rc::gen::inRange(0, 5);
  for (int i = 0; i < rank; ++i) shape.push_back(*rc::gen::inRange(0, 4));
  std::vector<real> values(static_cast<size_t>(shape.size()));
  for (real& value : values) value = std::bit_cast<float>(*rc::gen::arbitrary<uint32_t>());

  const Tensor tensor = Tensor::from_host(shape, values);

  TemporaryFolder folder;
  write_npy(folder / "f", tensor);
  RC_ASSERT((read_file(folder / "f").size() - values.size() * sizeof(real)) % 64 == 0u);
  RC_ASSERT(same_bits(read_npy(folder / "f"), tensor));
}

TEST(Npy, WritesTheseBytes) {
  TemporaryFolder folder;
  write_npy(folder / "f", Tensor::from_host({1, 2}, std::vector<real>{1, 2}));
  std::string header = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (1, 2, ), }";
  header.resize(128 - 10 - 1, ' ');
  EXPECT_EQ(read_file(folder / "f"), npy_file(header + "\n", bytes_of(real(1)) + bytes_of(real(2))));
}

std::vector<real> read(const std::string& type, const std::string& shape, const std::string& data) {
  return parse_npy(npy_file("{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }", data), "f")
      .to_host();
}

TEST(Npy, ReadsEveryType) {
  EXPECT_EQ(read("<f4", "(1,)", bytes_of(-1.5f)), std::vector<real>{-1.5});
  EXPECT_EQ(read("<f8", "(1,)", bytes_of(0.1)), std::vector<real>{real(0.1)});
  EXPECT_EQ(read("<i4", "(1,)", bytes_of(int32_t(-7))), std::vector<real>{-7});
  EXPECT_EQ(read("<i8", "(1,)", bytes_of(int64_t(-3'000'000'000))), std::vector<real>{real(-3'000'000'000)});
  EXPECT_EQ(read("|i1", "(2,)", "\xff\1"), (std::vector<real>{-1, 1}));
  EXPECT_EQ(read("|u1", "(2,)", "\xff\1"), (std::vector<real>{255, 1}));
  EXPECT_EQ(read("|b1", "(3,)", std::string("\0\1\2", 3)), (std::vector<real>{0, 1, 1}));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  EXPECT_EQ(read("|u1", "()", "\7"), std::vector<real>{7});
  EXPECT_EQ(read("|u1", "(0,)", ""), std::vector<real>{});
  EXPECT_EQ(read("|u1", "(1,1,1,2)", "\7\10"), (std::vector<real>{7, 8}));
}

TEST(Npy, ReadsVersions2And3AndAnySpelling) {
  const std::string header = "{ \"shape\" :(2 ,1), 'descr':'|u1','fortran_order':False}\n";
  for (char version : {2, 3}) {
    const std::string file =
        "\x93NUMPY" + std::string{version, 0} + bytes_of(uint32_t(header.size())) + header + "\1\2";
    EXPECT_EQ(parse_npy(file, "f").shape(), (Shape{2, 1}));
    EXPECT_EQ(parse_npy(file, "f").to_host(), (std::vector<real>{1, 2}));
  }
}

TEST(Npy, ReportsAMissingFile) { EXPECT_THROW(read_npy("no/such/file"), MissingError); }

}  // namespace
}  // namespace erg::io
