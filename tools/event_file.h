// Event files: a run's numbers as TensorBoard reads them.
//
// A file is a row of records, TFRecords:  u64 length | u32 masked CRC-32C of it | bytes | u32 masked CRC-32C of those,
// each of them a protocol buffer of type Event (tensorflow/core/util/event.proto). The few fields of it that are wanted
// are written by hand: wall_time 1, step 2, file_version 3, summary 5 with its values' tag 1 and simple_value 2.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "progress.h"

namespace erg::tools {

class EventFile {
 public:
  /// A new file in this folder, events.out.tfevents.TIME.erg. Throws io::WriteError.
  explicit EventFile(const std::filesystem::path& folder);

  /// Scalars of a step, under their names. Throws io::WriteError.
  void add(int64_t step, const Values& values);

 private:
  void append(std::string_view event);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

/// CRC-32C, the checksum of iSCSI.
uint32_t crc32c(std::string_view bytes);

/// The record of an event, for a file of them.
std::string record_of(std::string_view event);

}  // namespace erg::tools
