// What is done with a file that nobody vouches for: a function a format, of the file's bytes. The fuzzer calls it with
// inputs that it makes up (entry.cpp), the tests with those that are kept in corpus/ (fuzz_test.cpp).
//
// A parser may read a file or refuse it, by an io::DataError of one line that begins with the file's name. Whatever
// else is thrown is a finding, and so is a std::logic_error by which a target says what does not hold; what was read
// must come back the same when it is written and read again.
#pragma once

#include <string_view>

/// A row for each target: its name, and its largest request of memory for each byte of a file. Compressed data
/// justifies much: deflate expands up to 1032 times, a PNG of one bit a pixel by 24 more, an npz of bytes into floats
/// by 4.
#define ERG_FUZZ_TARGETS(ROW) \
  ROW(safetensors, 16)        \
  ROW(checkpoint, 16)         \
  ROW(npy, 16)                \
  ROW(npz, 8 * 1032)          \
  ROW(idx, 2 * 1032)          \
  ROW(gzip, 2 * 1032)         \
  ROW(cifar, 4)               \
  ROW(png, 24 * 1032)         \
  ROW(config, 64)             \
  ROW(run, 64)                \
  ROW(report, 64)             \
  ROW(resnet, 16)

namespace erg::fuzz {

#define ERG_DECLARE(name, expansion) void name(std::string_view bytes);
ERG_FUZZ_TARGETS(ERG_DECLARE)
#undef ERG_DECLARE

}  // namespace erg::fuzz
