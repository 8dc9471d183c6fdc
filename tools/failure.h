// Where every error ends: one line for people, and a code that scripts and other languages can act on.
#pragma once

#include <functional>

namespace erg::tools {

/// To be called in a catch (...): hands the exception's one line to `report` and returns its code (error.h). Throws
/// nothing but what `report` throws.
int report_failure(const std::function<void(const char* what)>& report);

}  // namespace erg::tools
