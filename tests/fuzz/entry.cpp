// libFuzzer's door to the target that ERG_FUZZ_TARGET names. What a target throws ends the program, and libFuzzer keeps
// the input.
#include <cstddef>
#include <cstdint>

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  erg::fuzz::ERG_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
