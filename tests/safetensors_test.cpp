// safetensors: round trips, the bytes on disk, every dtype, and the questions a loader asks.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "engine/io/error.h"
#include "engine/io/safetensors.h"
#include "io_support.h"

namespace erg::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* dtype = sizeof(real) == 4 ? "F32" : "F64";

/// Any UTF-8: what JSON must escape, and characters of one to four bytes.
rc::Gen<std::string> any_text() {
  const auto piece =
      rc::gen::element<std::string>("a", "Z", ".", "weight", "\"", "\\", "/", "\n", "\x1f", std::string(1, '\0'),
                                    "\xc3\xa9", "\xe2\x88\x87", "\xf0\x9f\x8e\xb2");
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece), [](const std::vector<std::string>& pieces) {
    std::string text;
    for (const std::string& p : pieces) text += p;
    return text;
  });
}

/// Up to four dimensions, empty ones among them, and any bits for values: NaNs, infinities, subnormals.
Tensor any_tensor() {
  Shape shape;
  const int rank = *rc::gen::inRange(0, 5);
  for (int i = 0; i < rank; ++i) shape.push_back(*rc::gen::inRange(0, 4));
  std::vector<real> values(static_cast<size_t>(shape.size()));
  for (real& value : values) value = std::bit_cast<float>(*rc::gen::arbitrary<uint32_t>());
  return Tensor::from_host(shape, values);
}

RC_GTEST_PROP(Safetensors, RoundTrips, ()) {
  TemporaryFolder folder;
  StateDict dict;
  for (const std::string& name : *rc::gen::container<std::vector<std::string>>(any_text()))
    dict.tensors.emplace(name, any_tensor());
  dict.metadata = *rc::gen::container<std::map<std::string, std::string>>(any_text(), any_text());
  write_safetensors(folder / "f", dict);
  const StateDict back = read_safetensors(folder / "f");
  RC_ASSERT(back.metadata == dict.metadata);
  RC_ASSERT(back.tensors.size() == dict.tensors.size());
  for (const auto& [name, tensor] : dict.tensors) RC_ASSERT(same_bits(back.tensor(name), tensor));
}

TEST(Safetensors, WritesTheseBytes) {
  TemporaryFolder folder;
  StateDict dict;
  dict.tensors["b"] = Tensor::from_host({}, std::vector<real>{3});
  dict.tensors["a"] = Tensor::from_host({2, 1}, std::vector<real>{1, 2});
  dict.metadata["format"] = "pt";
  write_safetensors(folder / "f", dict);
  const auto offset = [](size_t reals) { return std::to_string(reals * sizeof(real)); };
  std::string header = R"({"__metadata__":{"format":"pt"},"a":{"dtype":")" + std::string(dtype) +
                       R"(","shape":[2,1],"data_offsets":[0,)" + offset(2) + R"(]},"b":{"dtype":")" + dtype +
                       R"(","shape":[],"data_offsets":[)" + offset(2) + "," + offset(3) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(read_file(folder / "f"),
            safetensors_file(header, bytes_of(real(1)) + bytes_of(real(2)) + bytes_of(real(3))));
}

TEST(Safetensors, ReadsTensorsInAnyOrderOfTheHeader) {
  const std::string header = R"({"late":{"shape":[2],"data_offsets":[2,4],"dtype":"U8"},)"
                             R"("empty":{"dtype":"F32","shape":[0,3],"data_offsets":[2,2]},)"
                             R"("early":{"dtype":"U8","shape":[1,2],"data_offsets":[0,2]}}   )";
  const StateDict dict = parse_safetensors(safetensors_file(header, "\1\2\3\4"), "f");
  EXPECT_EQ(dict.tensor("early").to_host(), (std::vector<real>{1, 2}));
  EXPECT_EQ(dict.tensor("late", {2}).to_host(), (std::vector<real>{3, 4}));
  EXPECT_EQ(dict.tensor("empty", {0, 3}).size(), 0);
}

TEST(Safetensors, ReadsAFileWithoutTensors) {
  const StateDict dict = parse_safetensors(safetensors_file("{}", ""), "f");
  EXPECT_TRUE(dict.tensors.empty());
  EXPECT_TRUE(dict.metadata.empty());
}

/// The value of a scalar of this dtype, whose memory is `bytes`.
real read_scalar(const std::string& dtype, const std::string& bytes) {
  const std::string header =
      R"({"x":{"dtype":")" + dtype + R"(","shape":[],"data_offsets":[0,)" + std::to_string(bytes.size()) + "]}}";
  return parse_safetensors(safetensors_file(header, bytes), "f").tensor("x").item();
}

TEST(Safetensors, ConvertsEveryDtype) {
  EXPECT_EQ(read_scalar("F64", bytes_of(-1.5)), real(-1.5));
  EXPECT_EQ(read_scalar("F64", bytes_of(0.1)), real(0.1));
  EXPECT_EQ(read_scalar("F32", bytes_of(-1.5f)), real(-1.5));
  EXPECT_EQ(read_scalar("I64", bytes_of(int64_t(-3'000'000'000))), real(-3'000'000'000));
  EXPECT_EQ(read_scalar("U64", bytes_of(uint64_t(1) << 63)), std::ldexp(real(1), 63));
  EXPECT_EQ(read_scalar("I32", bytes_of(int32_t(-70'000))), real(-70'000));
  EXPECT_EQ(read_scalar("U32", bytes_of(uint32_t(1) << 31)), std::ldexp(real(1), 31));
  EXPECT_EQ(read_scalar("I16", bytes_of(int16_t(-300))), real(-300));
  EXPECT_EQ(read_scalar("U16", bytes_of(uint16_t(65'535))), real(65'535));
  EXPECT_EQ(read_scalar("I8", bytes_of(int8_t(-5))), real(-5));
  EXPECT_EQ(read_scalar("U8", bytes_of(uint8_t(200))), real(200));
  EXPECT_EQ(read_scalar("BOOL", "\1"), real(1));
  EXPECT_EQ(read_scalar("BOOL", std::string(1, '\0')), real(0));
}

TEST(Safetensors, ConvertsHalfPrecision) {
  const auto f16 = [](int bits) { return read_scalar("F16", bytes_of(uint16_t(bits))); };
  EXPECT_EQ(f16(0x3c00), real(1));
  EXPECT_EQ(f16(0xc100), real(-2.5));
  EXPECT_EQ(f16(0x7bff), real(65504));               // the largest
  EXPECT_EQ(f16(0x0400), std::ldexp(real(1), -14));  // the smallest normal
  EXPECT_EQ(f16(0x0001), std::ldexp(real(1), -24));  // the smallest subnormal
  EXPECT_EQ(f16(0xfc00), -std::numeric_limits<real>::infinity());
  EXPECT_TRUE(std::isnan(f16(0x7e00)));
  EXPECT_TRUE(std::signbit(f16(0x8000)));
  const auto bf16 = [](int bits) { return read_scalar("BF16", bytes_of(uint16_t(bits))); };
  EXPECT_EQ(bf16(0x3f80), real(1));
  EXPECT_EQ(bf16(0xc020), real(-2.5));
  EXPECT_EQ(bf16(0x7f80), std::numeric_limits<real>::infinity());
  EXPECT_TRUE(std::isnan(bf16(0x7fc0)));
}

TEST(Safetensors, KeepsCountersExactly) {
  TemporaryFolder folder;
  StateDict dict;
  for (uint64_t value : {uint64_t(0), (uint64_t(1) << 53) + 1, ~uint64_t(0)}) {
    dict.set_counter("step", value);
    write_safetensors(folder / "f", dict);
    EXPECT_EQ(read_safetensors(folder / "f").counter("step"), value);
  }
}

TEST(Safetensors, NamesTheFileWhenSomethingIsNotThere) {
  StateDict dict;
  dict.source = "run/model.safetensors";
  dict.tensors["w"] = Tensor::zeros({2, 3});
  for (const char* text : {"", "-1", "1.0", "1 ", "18446744073709551616"}) {
    dict.metadata["step"] = text;
    EXPECT_THAT(message_of<DataError>([&] { dict.counter("step"); }),
                AllOf(StartsWith("run/model.safetensors: "), HasSubstr("count")));
  }
  EXPECT_THAT(message_of<DataError>([&] { dict.tensor("v"); }),
              AllOf(StartsWith("run/model.safetensors: "), HasSubstr("'v'")));
  EXPECT_THAT(message_of<DataError>([&] { dict.tensor("w", {3, 2}); }), AllOf(HasSubstr("[3,2]"), HasSubstr("[2,3]")));
  EXPECT_THAT(message_of<DataError>([&] { dict.text("seed"); }), HasSubstr("'seed'"));
}

TEST(Safetensors, RefusesToWriteWhatCouldNotBeRead) {
  TemporaryFolder folder;
  const auto write = [&](const std::string& name, const Tensor& tensor) {
    StateDict dict;
    dict.tensors[name] = tensor;
    return message_of<std::invalid_argument>([&] { write_safetensors(folder / "f", dict); });
  };
  EXPECT_THAT(write("w", Tensor()), HasSubstr("'w' is absent"));
  EXPECT_THAT(write("__metadata__", Tensor::zeros({1})), HasSubstr("reserved"));
  EXPECT_THAT(write("\xff", Tensor::zeros({1})), HasSubstr("UTF-8"));
  EXPECT_EQ(folder.files(), 0);
}

TEST(Safetensors, ReportsAMissingFile) { EXPECT_THROW(read_safetensors("no/such/file"), MissingError); }

}  // namespace
}  // namespace erg::io
