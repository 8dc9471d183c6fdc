#include "support.h"
#include "tools/settings.h"

namespace erg::fuzz {

void config(std::string_view bytes) {
  const auto file = scratch() / "config.ini", copy = scratch() / "copy.ini";
  write_file(file, bytes);
  const auto settings = read_or_refuse([&] { return tools::read_config(file); }, file);
  if (!settings) return;
  const std::string text = tools::to_config(*settings);
  write_file(copy, text);
  require(tools::to_config(tools::read_config(copy)) == text, "the settings do not come back");
}

}  // namespace erg::fuzz
