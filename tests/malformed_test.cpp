// Malformed files: every parser answers with a DataError that names the file in one line, and never asks for more
// memory than the file's size justifies.
#include <gtest/gtest.h>

#include "allocations.h"
#include "engine/io/cifar.h"
#include "engine/io/error.h"
#include "engine/io/idx.h"
#include "engine/io/npy.h"
#include "engine/io/png.h"
#include "engine/io/safetensors.h"
#include "io_support.h"

namespace erg::io {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

enum class Format { safetensors, npy, idx_images, idx_labels, cifar, png };

void parse(Format format, const std::string& bytes) {
  const char* name = "bad.file";
  ImageSet set;
  switch (format) {
    case Format::safetensors: parse_safetensors(bytes, name); break;
    case Format::npy: parse_npy(bytes, name); break;
    case Format::idx_images: parse_idx(bytes, 3, name); break;
    case Format::idx_labels: parse_idx(bytes, 1, name); break;
    case Format::cifar: append_cifar10(bytes, name, set); break;
    case Format::png: parse_png(bytes, name); break;
  }
}

struct Malformed {
  const char* what;
  Format format;
  std::string bytes;
  const char* word;  // that the message must hold
};

std::ostream& operator<<(std::ostream& out, const Malformed& malformed) { return out << malformed.what; }

class MalformedFile : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedFile, IsADataErrorAndAsksForNoMemory) {
  const Malformed& file = GetParam();
  largest_request = 0;
  const std::string message = message_of<DataError>([&] { parse(file.format, file.bytes); });
  EXPECT_LE(largest_request, 4096 + 8 * file.bytes.size());
  EXPECT_THAT(message, AllOf(StartsWith("bad.file: "), HasSubstr(file.word), Not(HasSubstr("\n"))));
  EXPECT_LT(message.size(), 400u);
}

std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// A header with one tensor "w" of dtype F32.
std::string one(const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

std::vector<Malformed> safetensors_rows() {
  const auto row = [](const char* what, const std::string& header, const std::string& data, const char* word) {
    return Malformed{what, Format::safetensors, safetensors_file(header, data), word};
  };
  const std::string four(4, '\0'), eight(8, '\0');
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const auto with_b = [&](const char* offsets) {
    return "{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":)" + offsets + "}}";
  };
  const auto raw = [](const char* what, const std::string& bytes, const char* word) {
    return Malformed{what, Format::safetensors, bytes, word};
  };
  return {
      raw("empty file", "", "truncated"),
      raw("seven bytes", std::string(7, '\0'), "truncated"),
      raw("header of no bytes", std::string(8, '\0'), "JSON"),
      raw("header beyond the end", bytes_of(uint64_t(100)) + "{}", "truncated"),
      raw("header beyond the limit", bytes_of(uint64_t(100'000'001)) + "{}", "at most 100000000"),
      raw("header of 2^64 - 1 bytes", bytes_of(~uint64_t(0)) + "{}", "at most 100000000"),
      row("leading space", " {}", "", "JSON"),
      row("byte order mark", "\xef\xbb\xbf{}", "", "JSON"),
      row("list for a header", "[]", "", "JSON"),
      row("unclosed header", R"({"w":{"dtype":"F32")", "", "JSON"),
      row("text after the header", "{}x", "", "JSON"),
      row("zero byte and text after the header", std::string("{}\0x", 4), "", "JSON"),
      row("invalid UTF-8", "{\"\xff\":{}}", "", "JSON"),
      row("comment", "{/* */}", "", "JSON"),
      row("number out of range", one("[1e999]", "[0,4]"), four, "out of range"),
      row("entry is a number", R"({"w":1})", "", "not an object"),
      row("entry is a list", R"({"w":[]})", "", "list"),
      row("entry is empty", R"({"w":{}})", "", "lacks"),
      row("entry without offsets", R"({"w":{"dtype":"F32","shape":[1]}})", four, "lacks"),
      row("unknown key", R"({"w":{"dtype":"F32","shape":[1],"offsets":[0,4]}})", four, "offsets"),
      row("object in an entry", R"({"w":{"dtype":{}}})", "", "object"),
      row("dtype is a number", R"({"w":{"dtype":1,"shape":[1],"data_offsets":[0,4]}})", four, "dtype"),
      row("unknown dtype", R"({"w":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", four, "F8_E4M3"),
      row("control characters in a name", R"({"\u001b[2J\n":{"dtype":"X","shape":[],"data_offsets":[0,0]}})", "",
          "\\x1b"),
      row("long name", "{\"" + repeat("n", 5000) + R"(":{"dtype":"X","shape":[],"data_offsets":[0,0]}})", "", "..."),
      row("shape is a number", one("1", "[0,4]"), four, "shape is not a list"),
      row("negative extent", one("[-1]", "[0,4]"), four, "2^63"),
      row("fractional extent", one("[1.0]", "[0,4]"), four, "2^63"),
      row("extent of 2^63", one("[9223372036854775808]", "[0,4]"), four, "2^63"),
      row("extent of 2^64", one("[18446744073709551616]", "[0,4]"), four, "2^63"),
      row("extents that wrap to 0", one("[4294967296,4294967296]", "[0,0]"), "", "too large"),
      row("extents that wrap to 0 with an empty one", one("[4294967296,4294967296,0]", "[0,0]"), "", "too large"),
      row("bytes that wrap to 0", one("[4611686018427387904]", "[0,0]"), "", "too large"),
      row("large tensor in a small file", one("[1000000000]", "[0,4000000000]"), four, "4000000000"),
      row("five dimensions", one("[1,1,1,1,1]", "[0,4]"), four, "4 dimensions"),
      row("a million dimensions", one("[" + repeat("1,", 1'000'000) + "1]", "[0,4]"), four, "4 dimensions"),
      row("nested shape", one("[[1]]", "[0,4]"), four, "list"),
      row("deeply nested objects", "{\"w\":" + repeat("{\"dtype\":", 100'000), "", "object"),
      row("deeply nested lists", one(repeat("[", 100'000), "[0,4]"), "", "list"),
      row("offsets are three", one("[1]", "[0,4,4]"), four, "pair"),
      row("offsets are text", one("[1]", R"(["0","4"])"), four, "2^63"),
      row("offsets are reversed", one("[1]", "[4,0]"), four, "takes 4 bytes"),
      row("offsets that do not fit the shape", one("[2]", "[0,4]"), four, "takes 8 bytes"),
      row("hole at the start", one("[1]", "[4,8]"), eight, "expected at byte 0"),
      row("hole between tensors", with_b("[5,9]"), std::string(9, '\0'), "expected at byte 4"),
      row("overlap", with_b("[0,4]"), eight, "overlap"),
      row("partial overlap", with_b("[2,6]"), eight, "overlap"),
      row("bytes after the last tensor", one("[1]", "[0,4]"), eight, "appended"),
      row("bytes without a tensor", "{}", "x", "appended"),
      row("truncated data", one("[2]", "[0,8]"), four, "truncated"),
      row("duplicate tensor", "{" + a + "," + a + "}", four, "twice"),
      row("duplicate key in an entry", R"({"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four,
          "twice"),
      row("duplicate metadata", R"({"__metadata__":{"k":"1","k":"2"}})", "", "twice"),
      row("two metadata", R"({"__metadata__":{},"__metadata__":{}})", "", "twice"),
      row("number in metadata", R"({"__metadata__":{"k":1}})", "", "strings"),
      row("list in metadata", R"({"__metadata__":{"k":[]}})", "", "strings"),
      row("object in metadata", R"({"__metadata__":{"k":{}}})", "", "object"),
      row("metadata is text", R"({"__metadata__":"k"})", "", "not an object"),
  };
}

std::vector<Malformed> npy_rows() {
  const auto row = [](const char* what, const std::string& header, const std::string& data, const char* word) {
    return Malformed{what, Format::npy, npy_file(header, data), word};
  };
  const auto described = [&](const char* what, const char* descr, const char* word) {
    return row(what, std::string("{'descr': ") + descr + ", 'fortran_order': False, 'shape': (1,), }", "....", word);
  };
  const auto shaped = [&](const char* what, const std::string& shape, const char* word) {
    return row(what, "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", "....", word);
  };
  const auto raw = [](const char* what, const std::string& bytes, const char* word) {
    return Malformed{what, Format::npy, bytes, word};
  };
  const std::string magic = "\x93NUMPY";
  return {
      raw("npy: empty file", "", "NUMPY"),
      raw("npy: another format", "PK\3\4 zip", "NUMPY"),
      raw("npy: only the magic", magic, "truncated"),
      raw("npy: version 0", magic + std::string(4, '\0'), "version"),
      raw("npy: version 4", magic + "\4" + std::string(5, '\0'), "version"),
      raw("npy: no header length", magic + std::string("\1\0\5", 3), "truncated"),
      raw("npy: header beyond the end", magic + std::string("\1\0\x40\0{", 5), "truncated"),
      raw("npy: header of 4 GiB", magic + std::string("\2\0\xff\xff\xff\xff", 6), "at most"),
      row("npy: empty header", "", "", "'{'"),
      row("npy: unclosed header", "{'descr': '<f4'", "", "'}'"),
      row("npy: unclosed string", "{'descr", "", "closing quote"),
      row("npy: no shape", "{'descr': '<f4', 'fortran_order': False}", "....", "all of"),
      row("npy: duplicate key", "{'descr': '<f4', 'descr': '<f4'}", "....", "once"),
      row("npy: unknown key", "{'order': 'C'}", "....", "order"),
      row("npy: text after the header", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "....", "end"),
      row("npy: order is a number", "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "....", "True or False"),
      row("npy: Fortran order", "{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", "....", "Fortran"),
      described("npy: big-endian", "'>f4'", "big-endian"),
      described("npy: objects", "'|O'", "pickled"),
      described("npy: records", "[('a', '<f4')]", "fields"),
      described("npy: complex", "'<c8'", "<c8"),
      described("npy: text", "'<U4'", "<U4"),
      described("npy: descr is a number", "4", "''"),
      shaped("npy: shape is a number", "1", "'('"),
      shaped("npy: negative extent", "(-1,)", "extent"),
      shaped("npy: extent of 2^64", "(18446744073709551616,)", "extent"),
      shaped("npy: extent is text", "('1',)", "extent"),
      shaped("npy: unclosed shape", "(1", "extent"),
      shaped("npy: shape without commas", "(1 1)", "')'"),
      shaped("npy: five dimensions", "(1, 1, 1, 1, 1)", "4 dimensions"),
      shaped("npy: extents that wrap to 0", "(4294967296, 4294967296)", "too large"),
      shaped("npy: extents that wrap behind an empty one", "(0, 4294967296, 4294967296)", "too large"),
      shaped("npy: large array in a small file", "(1000000000,)", "4000000000"),
      shaped("npy: data left over", "(0,)", "got 4"),
      shaped("npy: truncated data", "(2,)", "8 bytes"),
  };
}

std::vector<Malformed> image_rows() {
  const std::string images = idx_file({1, 2, 2}, "abcd"), labels = idx_file({3}, "abc");
  const std::string zipped = gzip_file(labels);
  std::string bad_crc = zipped, bad_length = zipped, bad_block = zipped, bad_label(3073, '\0');
  bad_crc[bad_crc.size() - 8] ^= 1;
  bad_length[bad_length.size() - 4] ^= 1;
  bad_block[10] = '\7';
  bad_label[0] = 10;
  const auto labels_row = [](const char* what, const std::string& bytes, const char* word) {
    return Malformed{what, Format::idx_labels, bytes, word};
  };
  return {
      labels_row("idx: empty file", "", "truncated"),
      labels_row("idx: only the magic", big_endian(0x801), "truncated"),
      labels_row("idx: images for labels", images, "0x803"),
      labels_row("idx: floats", big_endian(0xd01) + big_endian(1) + "....", "0xd01"),
      labels_row("idx: truncated", idx_file({4}, "abc"), "expected 4 bytes"),
      labels_row("idx: bytes left over", labels + "x", "expected 3 bytes"),
      {"idx: labels for images", Format::idx_images, labels, "0x801"},
      {"idx: extents that wrap to 0", Format::idx_images, idx_file({1u << 31, 1u << 31, 4}, ""), "2^63"},
      {"idx: large images in a small file", Format::idx_images, idx_file({60000, 28, 28}, "abcd"), "47040000"},
      labels_row("gzip: only the magic", "\x1f\x8b", "truncated"),
      labels_row("gzip: truncated in the data", zipped.substr(0, zipped.size() - 9), "truncated"),
      labels_row("gzip: truncated in the checksum", zipped.substr(0, zipped.size() - 1), "truncated"),
      labels_row("gzip: wrong checksum", bad_crc, "corrupt"),
      labels_row("gzip: wrong length", bad_length, "corrupt"),
      labels_row("gzip: bad block", bad_block, "corrupt"),
      labels_row("gzip: bytes left over", zipped + "x", "1 more"),
      labels_row("gzip: bytes left over inside", gzip_file(labels + "x"), "expected 3 bytes"),
      {"cifar: empty file", Format::cifar, "", "3073"},
      {"cifar: one byte short", Format::cifar, std::string(3072, '\0'), "3073"},
      {"cifar: one byte over", Format::cifar, std::string(2 * 3073 + 1, '\0'), "3073"},
      {"cifar: label 10", Format::cifar, bad_label, "got 10"},
      {"png: empty file", Format::png, "", "PNG"},
      {"png: another format", Format::png, "GIF89a, which is something else", "PNG"},
      {"png: only the magic", Format::png, "\x89PNG\r\n\x1a\n", "PNG"},
  };
}

INSTANTIATE_TEST_SUITE_P(Safetensors, MalformedFile, testing::ValuesIn(safetensors_rows()));
INSTANTIATE_TEST_SUITE_P(Npy, MalformedFile, testing::ValuesIn(npy_rows()));
INSTANTIATE_TEST_SUITE_P(Images, MalformedFile, testing::ValuesIn(image_rows()));

/// However a valid file is cut or one of its bytes changed, it is read or refused, and nothing else happens.
void survives_damage(Format format, const std::string& valid) {
  parse(format, valid);
  for (size_t length = 0; length < valid.size(); ++length)
    EXPECT_THROW(parse(format, valid.substr(0, length)), DataError) << "cut to " << length << " bytes";
  for (size_t i = 0; i < valid.size(); ++i)
    for (int flip : {1, 0x20, 0x80, 0xff}) {
      std::string damaged = valid;
      damaged[i] = char(damaged[i] ^ flip);
      try {
        parse(format, damaged);
      } catch (const DataError&) {}
    }
}

TEST(DamagedFile, IsReadOrRefused) {
  survives_damage(Format::safetensors, safetensors_file(one("[1,2]", "[0,8]"), "abcdefgh"));
  survives_damage(Format::npy, npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", "abcdefgh"));
  survives_damage(Format::idx_images, gzip_file(idx_file({1, 2, 2}, "abcd")));
}

}  // namespace
}  // namespace erg::io
