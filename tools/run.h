// A run directory: everything a training run leaves behind.
//
//   config.ini      every setting, as resolved: `erg train SYSTEM --config RUN/config.ini --out OTHER` repeats the run
//   manifest.json   version, system, data, seed, instruction set, parameters, and once more the settings
//   metrics.jsonl   one line of numbers per logged step, and events
//   events.out...   the numbers again, for TensorBoard: a file each time the run is begun or resumed
//   samples/        pictures by step
//   report.html     a page about all of it (erg report), when training ends
//   ckpt/           the state of training by step, as safetensors; the newest is used. checksums.json has their CRC-32
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../engine/io/png.h"
#include "../engine/io/safetensors.h"
#include "event_file.h"
#include "progress.h"
#include "settings.h"

namespace erg::tools {

class RunDirectory {
 public:
  /// Makes the directory and writes what is known at the start. Throws io::WriteError when it cannot be made or
  /// written, UsageError when it holds another run already.
  RunDirectory(const Settings& settings, int64_t parameters);
  /// Opens a run's directory to go on behind this step: reports of later steps are taken out. Throws as above.
  RunDirectory(const Settings& settings, int64_t parameters, int64_t step);

  void log(int64_t step, const Values& values);
  /// Something that happened, in words, beside the numbers.
  void log_event(int64_t step, const std::string& what);
  void save_samples(int64_t step, const io::Image& picture);
  /// Keeps the newest `keep` of them; 0: all.
  void save_checkpoint(int64_t step, const io::StateDict& state, int64_t keep = 0);

 private:
  void describe(const Settings& settings, int64_t parameters);
  void open_metrics(const char* mode);
  void append(const std::string& line);

  std::filesystem::path root_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> metrics_;
  std::optional<EventFile> events_;
};

/// Of a run that is to go on, settings.resume. Throws UsageError if these settings differ from the run's in more than
/// steps, what is kept, the guard, the device and folders; or if the run's own, in its config.ini, do from those that
/// it was begun with.
void check_resumable(const Settings& settings);

/// Writes a checkpoint of a run with its checksum, and keeps the newest `keep` of them; 0: all. Throws io::WriteError.
void save_checkpoint(const std::filesystem::path& run, int64_t step, const io::StateDict& state, int64_t keep = 0);

/// Makes a directory and its parents. Throws io::WriteError.
void make_directory(const std::filesystem::path& path);

/// The files of a type (".png") in a folder of a run whose names are steps; the newest first.
std::vector<std::filesystem::path> numbered_files(const std::filesystem::path& folder, const std::string& type);
/// The step in such a name.
int64_t step_of(const std::filesystem::path& file);

/// The checkpoints of a run, the newest first. Throws io::MissingError when there is none.
std::vector<std::filesystem::path> checkpoints(const std::filesystem::path& run);
/// Throws io::DataError for one whose bytes are not those that were written. One without a checksum passes.
void check_checkpoint(const std::filesystem::path& file);
/// Calls take(file) for the newest checkpoint; where it is damaged, or take throws io::DataError, that is told on
/// stderr, and an older one's turn comes. Throws the last such error when none is left.
void take_newest_checkpoint(const std::filesystem::path& run,
                            const std::function<void(const std::filesystem::path& file)>& take);

}  // namespace erg::tools
