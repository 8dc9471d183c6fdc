#include "support.h"

#include <stdlib.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace erg::fuzz {

namespace fs = std::filesystem;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

void check_message(std::string_view message, const fs::path& file) {
  require(message.starts_with(file.string() + ": "), "a message that does not begin with the file's name");
  require(message.size() < 1000, "a message that is too long to read");
  for (size_t i = 0; i < message.size(); ++i) {
    const auto byte = uint8_t(message[i]), next = uint8_t(i + 1 < message.size() ? message[i + 1] : 0);
    require(byte >= 0x20 && byte != 0x7f, "a message with a control character");
    require(byte != 0xc2 || next >= 0xa0, "a message with a control character of Latin-1");
  }
  nlohmann::json(message).dump();  // throws for what is no UTF-8
}

bool same(const Tensor& a, const Tensor& b) {
  const size_t bytes = size_t(a.size()) * sizeof(real);
  return a.shape() == b.shape() && (bytes == 0 || std::memcmp(a.data(), b.data(), bytes) == 0);
}

bool same(const std::map<std::string, Tensor>& a, const std::map<std::string, Tensor>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const auto& one, const auto& other) {
           return one.first == other.first && same(one.second, other.second);
         });
}

const fs::path& scratch() {
  struct Folder {
    fs::path path;
    Folder() {
      std::string pattern = (fs::temp_directory_path() / "erg-fuzz-XXXXXX").string();
      require(::mkdtemp(pattern.data()), "cannot create a temporary folder");
      path = pattern;
    }
    ~Folder() { fs::remove_all(path); }
  };
  static const Folder folder;
  return folder.path;
}

void write_file(const fs::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

}  // namespace erg::fuzz
