#include "safetensors.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <vector>

#include "elements.h"
#include "error.h"
#include "file.h"

namespace erg::io {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t longest_header = 100'000'000;  // the specification's limit
constexpr const char* metadata_name = "__metadata__";
constexpr const char* real_dtype = sizeof(real) == 4 ? "F32" : "F64";

const Element* find_element(const std::string& dtype) {
  static const std::map<std::string, const Element*> known = {
      {"BOOL", &element::boolean}, {"U8", &element::u8},   {"I8", &element::i8},   {"U16", &element::u16},
      {"I16", &element::i16},      {"U32", &element::u32}, {"I32", &element::i32}, {"U64", &element::u64},
      {"I64", &element::i64},      {"F16", &element::f16}, {"F32", &element::f32}, {"F64", &element::f64},
      {"BF16", &element::bf16}};
  const auto found = known.find(dtype);
  return found == known.end() ? nullptr : found->second;
}

/// One tensor as the header describes it: data[begin, end).
struct Entry {
  std::string name;
  const Element* element;
  Shape shape;
  int64_t begin, end;
};

struct Header {
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
};

/// Listens to the JSON parser and takes each entry the moment it closes, so that a hostile header never grows into a
/// large tree. Depth 0 is the header, 1 its entries, 2 what an entry holds, 3 the numbers of a list.
class HeaderListener {
 public:
  HeaderListener(const fs::path& file, Header& header) : file_(file), header_(header) {}

  /// nlohmann's parser callback; false discards the value that just ended.
  bool operator()(int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    switch (event) {
      case Event::key: enter(depth, value.get_ref<const std::string&>()); break;
      case Event::object_start: begin_object(depth); break;
      case Event::array_start: begin_list(depth); break;
      case Event::value: check_place(depth); break;
      case Event::array_end: break;
      case Event::object_end:
        if (depth != 1) break;
        in_metadata_ ? take_metadata(value) : take_tensor(value);
        return false;
    }
    return true;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw DataError(file_, "bad safetensors header: " + message + "; the file is damaged or from a faulty writer");
  }

  void enter(int depth, const std::string& key) {
    auto& siblings = depth == 1 ? names_ : keys_;
    if (!siblings.insert(key).second) fail("the key " + cite(key) + " comes twice");
    if (depth == 1) {
      name_ = key;
      entry_ = "entry " + cite(key);
      in_metadata_ = key == metadata_name;
    } else if (!in_metadata_ && key != "dtype" && key != "shape" && key != "data_offsets") {
      fail(entry_ + " has the key " + cite(key) + ", expected dtype, shape and data_offsets");
    }
  }

  void begin_object(int depth) {
    if (depth > 1) fail(entry_ + " holds an object");
    keys_.clear();
  }

  void begin_list(int depth) {
    if (depth != 2) fail(entry_ + " holds a list where none belongs");
    if (in_metadata_) fail("metadata must be strings, got a list");
    list_length_ = 0;
  }

  /// Of a number, a text or a word.
  void check_place(int depth) {
    if (depth == 1) fail(entry_ + " is not an object");
    if (depth == 3 && ++list_length_ > Shape::max_rank)
      throw DataError(file_, entry_ + " lists more than 4 numbers, but erg's tensors have at most 4 dimensions");
  }

  void take_metadata(const json& object) {
    for (const auto& [key, value] : object.items()) {
      if (!value.is_string()) fail("metadata must be strings, got " + cite(key) + " : " + value.type_name());
      header_.metadata[key] = value.get<std::string>();
    }
  }

  void take_tensor(const json& object) {
    if (object.size() != 3) fail(entry_ + " lacks one of dtype, shape and data_offsets");
    const json &dtype = object["dtype"], &offsets = object["data_offsets"];
    if (!dtype.is_string()) fail(entry_ + ": dtype is not a string");
    Entry entry{name_, find_element(dtype.get_ref<const std::string&>()), shape(object["shape"]), 0, 0};
    if (!entry.element)
      throw DataError(file_, "tensor " + cite(name_) + " has dtype " + cite(dtype.get<std::string>()) +
                                 ", which erg does not read: convert it to F32");
    if (!offsets.is_array() || offsets.size() != 2) fail(entry_ + ": data_offsets is not a pair");
    entry.begin = number(offsets[0]), entry.end = number(offsets[1]);
    check_size(entry, dtype.get<std::string>());
    header_.entries.push_back(entry);
  }

  Shape shape(const json& list) const {
    if (!list.is_array()) fail(entry_ + ": shape is not a list");
    Shape shape;
    for (const json& extent : list) shape.push_back(number(extent));
    return shape;
  }

  int64_t number(const json& value) const {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
      fail(entry_ + " has a number that is not an integer from 0 to 2^63 - 1");
    return value.get<int64_t>();
  }

  void check_size(const Entry& entry, const std::string& dtype) const {
    const auto bytes = packed_bytes({entry.shape.begin(), entry.shape.end()}, entry.element->bytes);
    if (!bytes) fail(entry_ + ": shape " + to_string(entry.shape) + " is too large to exist");
    if (entry.end < entry.begin || entry.end - entry.begin != *bytes)
      fail(entry_ + ": " + dtype + to_string(entry.shape) + " takes " + std::to_string(*bytes) +
           " bytes, got data_offsets [" + std::to_string(entry.begin) + "," + std::to_string(entry.end) + "]");
  }

  const fs::path& file_;
  Header& header_;
  std::set<std::string> names_, keys_;  // seen in the header, and in the present entry
  std::string name_, entry_ = "the header";
  bool in_metadata_ = false;
  int list_length_ = 0;
};

Header parse_header(std::string_view text, const fs::path& file) {
  // The parser would skip other white space before the brace, and take a zero byte for the end.
  if (text.empty() || text.front() != '{' || text.find('\0') != text.npos)
    throw DataError(file, "expected a safetensors header in JSON, got something else: this is not a safetensors file");
  Header header;
  try {
    [[maybe_unused]] const json emptied = json::parse(text, HeaderListener(file, header));
  } catch (const json::parse_error& error) {
    throw DataError(
        file, "the safetensors header is not JSON at byte " + std::to_string(error.byte) + ": the file is damaged");
  } catch (const json::out_of_range&) {
    throw DataError(file, "the safetensors header has a number that is out of range: the file is damaged");
  }
  return header;
}

/// Sorted by place, each tensor must begin where the one before ends, the first at 0 and the last at the end.
void check_layout(std::vector<Entry>& entries, int64_t data_bytes, const fs::path& file) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  int64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != end)
      throw DataError(file, "tensor " + cite(entry.name) + " was expected at byte " + std::to_string(end) +
                                " of the data, got " + std::to_string(entry.begin) +
                                ": tensors overlap or leave a hole, the file is from a faulty writer");
    end = entry.end;
  }
  if (end != data_bytes)
    throw DataError(file, "expected " + std::to_string(end) + " bytes of data, got " + std::to_string(data_bytes) +
                              ": the file is truncated or has something appended; fetch or save it again");
}

}  // namespace

const Tensor& StateDict::tensor(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end())
    throw DataError(source, "expected a tensor " + cite(name) + ", got " + std::to_string(tensors.size()) +
                                " tensors and none of that name: the file is of another model");
  return found->second;
}

const Tensor& StateDict::tensor(const std::string& name, const Shape& shape) const {
  const Tensor& found = tensor(name);
  if (!(found.shape() == shape))
    throw DataError(source, "tensor " + cite(name) + " was expected to be " + to_string(shape) + ", got " +
                                to_string(found.shape()) + ": the file is of another model");
  return found;
}

const std::string& StateDict::text(const std::string& key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw DataError(source, "expected metadata " + cite(key) + ", got none of that name");
  return found->second;
}

uint64_t StateDict::counter(const std::string& key) const {
  const std::string& digits = text(key);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw DataError(source, "metadata " + cite(key) + " was expected to be a count, got " + cite(digits));
  return value;
}

StateDict parse_safetensors(std::string_view bytes, const fs::path& name) {
  uint64_t header_bytes;
  if (bytes.size() < sizeof header_bytes)
    throw DataError(name,
                    "expected a safetensors file, got " + std::to_string(bytes.size()) + " bytes: it is truncated");
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  bytes.remove_prefix(sizeof header_bytes);
  if (header_bytes > longest_header)
    throw DataError(name, "expected a header of at most " + std::to_string(longest_header) + " bytes, got " +
                              std::to_string(header_bytes) + ": this is not a safetensors file");
  if (header_bytes > bytes.size())
    throw DataError(name, "expected a header of " + std::to_string(header_bytes) + " bytes, got " +
                              std::to_string(bytes.size()) + ": the file is truncated; fetch or save it again");

  Header header = parse_header(bytes.substr(0, header_bytes), name);
  const std::string_view data = bytes.substr(header_bytes);
  check_layout(header.entries, int64_t(data.size()), name);

  StateDict dict{{}, std::move(header.metadata), name};
  for (const Entry& entry : header.entries) {
    Tensor tensor = Tensor::empty(entry.shape);
    entry.element->to_real(data.data() + entry.begin, tensor.size(), tensor.mutate());
    dict.tensors.emplace(entry.name, std::move(tensor));
  }
  return dict;
}

StateDict read_safetensors(const fs::path& file) { return parse_safetensors(read_file(file), file); }

namespace {

/// The header of a dict whose tensors follow in order of name, padded so that the data is aligned.
std::string format_header(const StateDict& dict) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!dict.metadata.empty()) header[metadata_name] = dict.metadata;
  int64_t begin = 0;
  for (const auto& [name, tensor] : dict.tensors) {
    if (!tensor) throw std::invalid_argument("[write_safetensors] the tensor " + cite(name) + " is absent");
    if (name == metadata_name)
      throw std::invalid_argument("[write_safetensors] the name " + cite(name) + " is reserved");
    const int64_t end = begin + tensor.size() * int64_t(sizeof(real));
    header[name] = {{"dtype", real_dtype},
                    {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())},
                    {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::type_error&) {
    throw std::invalid_argument("[write_safetensors] a name or a metadata string is not UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > longest_header)
    throw std::invalid_argument("[write_safetensors] the names and metadata exceed 100 MB");
  return text;
}

}  // namespace

void write_safetensors(const fs::path& file, const StateDict& dict) {
  const std::string header = format_header(dict);
  const uint64_t header_bytes = header.size();
  atomic_write(file, [&](const Write& write) {
    write({reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes});
    write(header);
    for (const auto& [name, tensor] : dict.tensors) {
      const std::vector<real> values = tensor.to_host();
      write({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(real)});
    }
  });
}

}  // namespace erg::io
