#include "npz.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "error.h"
#include "file.h"
#include "gzip.h"
#include "npy.h"

namespace erg::io {

namespace {

namespace fs = std::filesystem;

// The three records of an archive, as they lie in the file.
#pragma pack(push, 1)
struct LocalHeader {  // before each file's name and data
  uint32_t signature = 0x04034b50;
  uint16_t version = 20, flags = 0, method = 0, time = 0, date = 0;
  uint32_t crc = 0, packed = 0, size = 0;
  uint16_t name_length = 0, extra_length = 0;
};
struct DirectoryLine {  // one a file, followed by its name
  uint32_t signature = 0x02014b50;
  uint16_t made_by = 20, version = 20, flags = 0, method = 0, time = 0, date = 0;
  uint32_t crc = 0, packed = 0, size = 0;
  uint16_t name_length = 0, extra_length = 0, comment_length = 0, disk = 0, attributes = 0;
  uint32_t external_attributes = 0, begin = 0;
};
struct DirectoryEnd {  // at the end of the archive
  uint32_t signature = 0x06054b50;
  uint16_t disk = 0, first_disk = 0, lines_here = 0, lines = 0;
  uint32_t length = 0, begin = 0;
  uint16_t comment_length = 0;
};
#pragma pack(pop)
static_assert(sizeof(LocalHeader) == 30 && sizeof(DirectoryLine) == 46 && sizeof(DirectoryEnd) == 22);

constexpr uint16_t stored = 0, deflated = 8, encrypted = 1, utf8 = 1 << 11, new_year_1980 = 1 << 5 | 1;
constexpr std::string_view suffix = ".npy";

template <class Record>
std::string_view bytes_of(const Record& record) {
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

class Archive {
 public:
  Archive(std::string_view bytes, const fs::path& file) : bytes_(bytes), file_(file) {}

  std::map<std::string, Tensor> arrays() {
    if (bytes_.size() < sizeof(DirectoryEnd)) fail("the end of its directory is missing");
    const auto end = record<DirectoryEnd>(bytes_.size() - sizeof(DirectoryEnd));
    uint64_t at = end.begin;
    std::map<std::string, Tensor> all;
    for (int line = 0; line < end.lines; ++line) {
      const auto entry = record<DirectoryLine>(at);
      std::string name(part(at + sizeof entry, entry.name_length));
      if (!name.ends_with(suffix))
        throw DataError(file_, "expected arrays named NAME.npy, got " + cite(name) + ": it is no archive of NumPy's");
      name.resize(name.size() - suffix.size());
      const fs::path place = file_.string() + ": array " + cite(name);
      if (!all.emplace(name, parse_npy(content(entry), place)).second) fail("the array " + cite(name) + " comes twice");
      at += sizeof entry + entry.name_length + entry.extra_length + entry.comment_length;
    }
    if (at != bytes_.size() - sizeof(DirectoryEnd)) fail("its directory does not end where it should");
    return all;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(file_, "bad npz file: " + what + "; fetch or save it again");
  }

  std::string_view part(uint64_t begin, uint64_t length) const {
    if (begin > bytes_.size() || length > bytes_.size() - begin) fail("a part of it lies behind its end");
    return bytes_.substr(begin, length);
  }

  template <class Record>
  Record record(uint64_t at) const {
    Record copy;
    std::memcpy(&copy, part(at, sizeof copy).data(), sizeof copy);
    if (copy.signature != Record().signature) fail("expected one of its records at byte " + std::to_string(at));
    return copy;
  }

  /// A file's bytes. Sizes are the directory's: those of the local header may be left open.
  std::string content(const DirectoryLine& entry) {
    if (entry.flags & encrypted) fail("it is encrypted");
    const auto header = record<LocalHeader>(entry.begin);
    const std::string_view packed =
        part(uint64_t(entry.begin) + sizeof header + header.name_length + header.extra_length, entry.packed);
    // Files that share their data could expand to far more than any compression does.
    if ((packed_read_ += packed.size()) > bytes_.size()) fail("its files overlap");
    if (entry.method != stored && entry.method != deflated)
      fail("expected method 0 or 8 of compression, got " + std::to_string(entry.method));
    std::string content = entry.method == stored ? std::string(packed) : inflate(packed, entry.size, file_);
    if (content.size() != entry.size || crc32(content) != entry.crc) fail("a size or a checksum is wrong");
    return content;
  }

  std::string_view bytes_;
  const fs::path& file_;
  uint64_t packed_read_ = 0;  // bytes read so far
};

uint32_t position(uint64_t byte) {
  if (byte > std::numeric_limits<uint32_t>::max())
    throw std::invalid_argument("[write_npz] the arrays exceed 4 GiB: write safetensors or single .npy files");
  return uint32_t(byte);
}

}  // namespace

std::map<std::string, Tensor> parse_npz(std::string_view bytes, const fs::path& name) {
  return Archive(bytes, name).arrays();
}

std::map<std::string, Tensor> read_npz(const fs::path& file) { return parse_npz(read_file(file), file); }

void write_npz(const fs::path& file, const std::map<std::string, Tensor>& arrays) {
  if (arrays.size() > std::numeric_limits<uint16_t>::max())
    throw std::invalid_argument("[write_npz] an archive holds 65,535 arrays, got " + std::to_string(arrays.size()));
  atomic_write(file, [&](const Write& write) {
    std::string directory;
    uint64_t at = 0;
    for (const auto& [array, tensor] : arrays) {
      const std::string name = array + std::string(suffix), content = format_npy(tensor);
      DirectoryLine line{.flags = utf8, .date = new_year_1980};
      line.crc = crc32(content);
      line.packed = line.size = position(content.size());
      line.name_length = uint16_t(name.size());
      line.begin = position(at);
      const LocalHeader header{.flags = utf8,
                               .date = new_year_1980,
                               .crc = line.crc,
                               .packed = line.packed,
                               .size = line.size,
                               .name_length = line.name_length};
      for (const std::string_view bytes : {bytes_of(header), std::string_view(name), std::string_view(content)})
        write(bytes), at += bytes.size();
      directory.append(bytes_of(line)).append(name);
    }
    DirectoryEnd end;
    end.lines = end.lines_here = uint16_t(arrays.size());
    end.begin = position(at);
    end.length = position(directory.size());
    write(directory);
    write(bytes_of(end));
  });
}

}  // namespace erg::io
