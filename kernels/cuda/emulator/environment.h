// Settings from the environment.
#pragma once

#include <cstdint>

namespace erg::emulator {

/// The number that a variable holds, or `otherwise` where it is not set. Anything but a number ends the program.
uint64_t environment(const char* variable, uint64_t otherwise);

}  // namespace erg::emulator
