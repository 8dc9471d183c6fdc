#include "event_file.h"

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "../engine/io/error.h"

namespace erg::tools {

namespace fs = std::filesystem;

// ---- Records

uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> remainders{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t rest = byte;
      for (int bit = 0; bit < 8; ++bit) rest = rest & 1 ? rest >> 1 ^ 0x82f63b78u : rest >> 1;
      remainders[byte] = rest;
    }
    return remainders;
  }();
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = table[(crc ^ uint8_t(c)) & 255] ^ crc >> 8;
  return ~crc;
}

namespace {

static_assert(std::endian::native == std::endian::little);

template <class Number>
std::string bytes_of(Number number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof number);
}

/// A checksum that is stored beside its data is masked: checksums of checksums would be weak.
std::string masked_crc(std::string_view bytes) { return bytes_of(std::rotr(crc32c(bytes), 15) + 0xa282ead8u); }

}  // namespace

std::string record_of(std::string_view event) {
  const std::string length = bytes_of(uint64_t(event.size()));
  return length + masked_crc(length) + std::string(event) + masked_crc(event);
}

// ---- Events

namespace {

// Protocol buffers: a field is a key, number * 8 + wire type, and what that type says.
std::string varint(uint64_t n) {
  std::string bytes;
  for (; n >= 128; n >>= 7) bytes.push_back(char(n | 128));
  bytes.push_back(char(n));
  return bytes;
}

std::string key(int field, int wire_type) { return varint(uint64_t(field * 8 + wire_type)); }
std::string integer_field(int field, int64_t n) { return key(field, 0) + varint(uint64_t(n)); }
std::string double_field(int field, double x) { return key(field, 1) + bytes_of(x); }
std::string bytes_field(int field, const std::string& text) { return key(field, 2) + varint(text.size()) + text; }
std::string float_field(int field, float x) { return key(field, 5) + bytes_of(x); }

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

EventFile::EventFile(const fs::path& folder)
    : path_(folder / ("events.out.tfevents." + std::to_string(int64_t(wall_time() * 1000)) + ".erg")),
      file_(std::fopen(path_.c_str(), "wb"), std::fclose) {
  if (!file_) throw io::WriteError(io::WriteError::Step::create, path_, std::strerror(errno));
  append(double_field(1, wall_time()) + bytes_field(3, "brain.Event:2"));
}

void EventFile::add(int64_t step, const Values& values) {
  std::string summary;
  for (const auto& [name, value] : values)
    summary += bytes_field(1, bytes_field(1, name) + float_field(2, float(value)));
  append(double_field(1, wall_time()) + integer_field(2, step) + bytes_field(5, summary));
}

void EventFile::append(std::string_view event) {
  const std::string record = record_of(event);
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size() || std::fflush(file_.get()) != 0)
    throw io::WriteError(io::WriteError::Step::write, path_, std::strerror(errno));
}

}  // namespace erg::tools
