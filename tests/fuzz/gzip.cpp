#include "engine/io/gzip.h"

#include "support.h"

namespace erg::fuzz {

namespace {

using Expand = std::string(std::string_view bytes, int64_t limit, const std::filesystem::path& name);

void expand(Expand* how, std::string_view bytes) {
  const auto reads = [&](std::string_view file, int64_t limit) {
    return read_or_refuse([&] { return how(file, limit, file_name); });
  };
  constexpr int64_t limit = 1 << 20;
  const auto content = reads(bytes, limit);
  if (!content) return;
  const int64_t size = int64_t(content->size());
  require(size <= limit && reads(bytes, size) == content, "another content under another limit");
  require(size == 0 || !reads(bytes, size - 1), "more than the limit");
  require(!reads(bytes.substr(0, bytes.size() - 1), limit), "a truncated file is read");
  require(!reads(std::string(bytes) + '\0', limit), "a file with something appended is read");
}

}  // namespace

void gzip(std::string_view bytes) {
  expand(io::gunzip, bytes);
  expand(io::inflate, bytes);
}

}  // namespace erg::fuzz
