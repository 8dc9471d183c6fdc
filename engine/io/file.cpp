#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "error.h"

namespace erg::io {

namespace {

namespace fs = std::filesystem;

std::string reason(int error) { return std::generic_category().message(error); }

/// Repeats a system call for as long as signals interrupt it.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// An open file that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int number() const { return number_; }
  /// 0, or -1 with errno: a network file system reports a lost write only here. Never repeated, because an interrupted
  /// close has closed.
  int close() { return number_ < 0 ? 0 : ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

void write_all(const Descriptor& to, std::string_view bytes, const fs::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = uninterrupted([&] { return ::write(to.number(), bytes.data(), bytes.size()); });
    if (written < 0) throw WriteError(WriteError::Step::write, file, "cannot be written: " + reason(errno));
    bytes.remove_prefix(size_t(written));
  }
}

void flush(const Descriptor& to, const fs::path& file) {
  // Some file systems cannot flush a folder or a pipe and say EINVAL: there is nothing more to be done then.
  if (uninterrupted([&] { return ::fsync(to.number()); }) < 0 && errno != EINVAL && errno != ENOTSUP)
    throw WriteError(WriteError::Step::write, file, "cannot be flushed to the disk: " + reason(errno));
}

constexpr const char *temporary_prefix = ".erg-", *temporary_suffix = ".tmp";

/// Creates a file that nobody else has, and leaves its path in `created`. The name is short, so that it is valid
/// whenever the target's is; a process that is killed leaves it behind.
int create_in(const fs::path& folder, fs::path& created) {
  static std::atomic<unsigned> serial{0};
  int number;
  do {
    created =
        folder / (temporary_prefix + std::to_string(::getpid()) + "-" + std::to_string(serial++) + temporary_suffix);
    number = uninterrupted([&] { return ::open(created.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  } while (number < 0 && errno == EEXIST);
  return number;
}

/// A new file beside `target` that either replaces it or vanishes.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) : target_(target), to_(create_in(target.parent_path(), path_)) {
    if (to_.number() < 0)
      throw WriteError(WriteError::Step::create, target, "cannot be created in its folder: " + reason(errno));
  }
  ~TemporaryFile() {
    if (!replaced_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view bytes) { write_all(to_, bytes, target_); }

  void replace_target() {
    flush(to_, target_);
    if (to_.close() < 0 || ::rename(path_.c_str(), target_.c_str()) < 0)
      throw WriteError(WriteError::Step::write, target_, "cannot be replaced: " + reason(errno));
    replaced_ = true;
  }

 private:
  const fs::path target_;
  fs::path path_;
  Descriptor to_;
  bool replaced_ = false;
};

void flush_folder(const fs::path& folder, const fs::path& file) {
  const Descriptor descriptor(
      uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (descriptor.number() >= 0) flush(descriptor, file);
}

void write_in_place(const fs::path& file, const std::function<void(const Write&)>& body) {
  Descriptor to(uninterrupted([&] { return ::open(file.c_str(), O_WRONLY | O_CLOEXEC); }));
  if (to.number() < 0) throw WriteError(WriteError::Step::create, file, "cannot be opened: " + reason(errno));
  body([&](std::string_view bytes) { write_all(to, bytes, file); });
  if (to.close() < 0) throw WriteError(WriteError::Step::write, file, "cannot be written: " + reason(errno));
}

}  // namespace

std::string read_file(const fs::path& file, int64_t limit) {
  const Descriptor from(uninterrupted([&] { return ::open(file.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (from.number() < 0) throw MissingError(file, "cannot be opened: " + reason(errno));
  std::string bytes;
  struct stat status;
  if (::fstat(from.number(), &status) == 0 && S_ISREG(status.st_mode))
    bytes.reserve(size_t(std::min(int64_t(status.st_size), limit)));
  char block[1 << 16];
  for (;;) {
    const ssize_t got = uninterrupted([&] { return ::read(from.number(), block, sizeof block); });
    if (got < 0) throw MissingError(file, "cannot be read: " + reason(errno));
    if (got == 0) return bytes;
    if (int64_t(bytes.size()) + got > limit)
      throw DataError(
          file, "expected at most " + std::to_string(limit) + " bytes, got more: this is not the file it should be");
    bytes.append(block, size_t(got));
  }
}

void atomic_write(const fs::path& file, const std::function<void(const Write&)>& body) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_in_place(file, body);

  // Resolved once: a link keeps pointing at its target, and the working directory may change while the body runs.
  fs::path target = fs::weakly_canonical(file, error);
  if (error) target = fs::absolute(file);
  {
    TemporaryFile temporary(target);
    body([&](std::string_view bytes) { temporary.write(bytes); });
    temporary.replace_target();
  }
  flush_folder(target.parent_path(), file);
}

void atomic_write(const fs::path& file, std::string_view bytes) {
  atomic_write(file, [&](const Write& write) { write(bytes); });
}

void sweep_temporaries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> left;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(temporary_prefix) && name.ends_with(temporary_suffix)) left.push_back(entry.path());
  }
  for (const fs::path& path : left) fs::remove(path, error);
}

}  // namespace erg::io
