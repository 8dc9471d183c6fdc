// The name of a function from its address: a launch knows its kernel by nothing else.
#pragma once

#include <string>

namespace erg::emulator {

/// "erg::kernels::cuda::fill(long, float, float*)", or the address where the program's symbols were stripped.
std::string function_name(const void* address);

}  // namespace erg::emulator
