#include "npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "elements.h"
#include "error.h"
#include "file.h"

namespace erg::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "\x93NUMPY";
constexpr size_t longest_header = 10'000;  // NumPy's own limit

struct Header {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

/// Reads the Python dictionary of a header, and no more of Python than that.
class HeaderScanner {
 public:
  HeaderScanner(std::string_view text, const fs::path& file) : text_(text), file_(file) {}

  Header scan() {
    Header header;
    std::set<std::string_view> keys;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      if (!keys.insert(key).second) fail("the key " + cite(key) + " once");
      expect(':');
      if (key == "descr") {
        header.descr = descr();
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
      } else if (key == "shape") {
        header.shape = shape();
      } else {
        fail("descr, fortran_order or shape instead of the key " + cite(key));
      }
      if (!accept(',') && !peek('}')) fail("',' or '}'");
    }
    if (keys.size() != 3) fail("all of descr, fortran_order and shape");
    skip_spaces();
    if (!text_.empty()) fail("the end of the header");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    throw DataError(file_, "bad npy header: expected " + expected + ", got " +
                               (text_.empty() ? "its end" : cite(text_.substr(0, 20))) + "; save the array again");
  }

  void skip_spaces() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n"), text_.size())); }
  bool peek(char c) {
    skip_spaces();
    return !text_.empty() && text_.front() == c;
  }
  bool accept(char c) {
    if (!peek(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string{'\'', c, '\''});
  }

  std::string_view string() {
    const char quote = peek('"') ? '"' : '\'';
    expect(quote);
    const size_t length = text_.find(quote);
    if (length == text_.npos) fail("a closing quote");
    const std::string_view content = text_.substr(0, length);
    text_.remove_prefix(length + 1);
    return content;
  }

  std::string descr() {
    if (peek('['))
      throw DataError(file_, "expected an array of numbers, got records with named fields: save one field at a time");
    return std::string(string());
  }

  bool boolean() {
    skip_spaces();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    fail("True or False");
  }

  Shape shape() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      if (shape.rank() == Shape::max_rank)
        throw DataError(file_, "expected at most 4 dimensions, got more: reshape the array before it is saved");
      shape.push_back(extent());
      if (!accept(',') && !peek(')')) fail("',' or ')'");
    }
    return shape;
  }

  int64_t extent() {
    skip_spaces();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) fail("an extent from 0 to 2^63 - 1");
    text_.remove_prefix(size_t(end - text_.data()));
    return value;
  }

  std::string_view text_;  // what is left
  const fs::path& file_;
};

const Element& find_element(const std::string& descr, const fs::path& file) {
  static const std::map<std::string, const Element*> known = {
      {"<f4", &element::f32}, {"<f8", &element::f64}, {"<i4", &element::i32},    {"<i8", &element::i64},
      {"|i1", &element::i8},  {"|u1", &element::u8},  {"|b1", &element::boolean}};
  if (const auto found = known.find(descr); found != known.end()) return *found->second;
  if (descr.starts_with('>'))
    throw DataError(file,
                    "expected little-endian numbers, got big-endian " + cite(descr) + ": save array.astype('<f4')");
  if (descr.find('O') != descr.npos)
    throw DataError(file, "expected numbers, got Python objects: they are pickled code and are never loaded");
  throw DataError(
      file, "expected numbers of type <f4 <f8 <i4 <i8 |i1 |u1 |b1, got " + cite(descr) + ": save array.astype('<f4')");
}

/// Splits off the header's text, and leaves the data in `bytes`.
std::string_view take_header(std::string_view& bytes, const fs::path& file) {
  if (!bytes.starts_with(magic))
    throw DataError(file, "expected an npy file, got one that does not begin with \\x93NUMPY");
  bytes.remove_prefix(magic.size());
  const auto truncated = [&] { return DataError(file, "the npy header is truncated: fetch or save the file again"); };
  if (bytes.size() < 2) throw truncated();
  const int major = uint8_t(bytes[0]);
  if (major < 1 || major > 3) throw DataError(file, "expected npy version 1, 2 or 3, got " + std::to_string(major));
  bytes.remove_prefix(2);

  const size_t width = major == 1 ? 2 : 4;
  uint32_t length = 0;
  if (bytes.size() < width) throw truncated();
  std::memcpy(&length, bytes.data(), width);
  bytes.remove_prefix(width);
  if (length > longest_header)
    throw DataError(file, "expected an npy header of at most " + std::to_string(longest_header) + " bytes, got " +
                              std::to_string(length) + ": the file is damaged");
  if (length > bytes.size()) throw truncated();
  const std::string_view header = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return header;
}

/// Everything before the data, padded so that the data is aligned to 64 bytes.
std::string format_header(const Shape& shape) {
  std::string extents;
  for (int64_t extent : shape) extents += std::to_string(extent) + ", ";
  std::string text = std::string("{'descr': '") + (sizeof(real) == 4 ? "<f4" : "<f8") +
                     "', 'fortran_order': False, 'shape': (" + extents + "), }";
  constexpr size_t alignment = 64, preamble = magic.size() + 4;
  const size_t used = preamble + text.size() + 1;
  text.append((alignment - used % alignment) % alignment, ' ');
  text += '\n';
  const uint16_t length = uint16_t(text.size());
  return std::string(magic) + '\1' + '\0' + char(length & 255) + char(length >> 8) + text;
}

}  // namespace

Tensor parse_npy(std::string_view bytes, const fs::path& name) {
  const Header header = HeaderScanner(take_header(bytes, name), name).scan();
  if (header.fortran_order)
    throw DataError(name, "expected C order, got Fortran order: save numpy.ascontiguousarray(array)");
  const Element& element = find_element(header.descr, name);
  const auto expected = packed_bytes({header.shape.begin(), header.shape.end()}, element.bytes);
  if (!expected)
    throw DataError(name, "shape " + to_string(header.shape) + " is too large to exist: the file is damaged");
  if (*expected != int64_t(bytes.size()))
    throw DataError(name, "expected " + std::to_string(*expected) + " bytes of data for " + header.descr +
                              to_string(header.shape) + ", got " + std::to_string(bytes.size()) +
                              ": the file is truncated or has something appended");
  Tensor tensor = Tensor::empty(header.shape);
  element.to_real(bytes.data(), tensor.size(), tensor.mutate());
  return tensor;
}

Tensor read_npy(const fs::path& file) { return parse_npy(read_file(file), file); }

std::string format_npy(const Tensor& tensor) {
  const std::vector<real> values = tensor.to_host();
  std::string bytes = format_header(tensor.shape());
  return bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(real));
}

void write_npy(const fs::path& file, const Tensor& tensor) { atomic_write(file, format_npy(tensor)); }

}  // namespace erg::io
