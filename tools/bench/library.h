// A shared library that is opened while the program runs: with it measurements have a ruler beside them, without it
// they go on.
#pragma once

#include <dlfcn.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace erg::tools {

/// A library that is not there, or a call of one that failed. One line: which, and what it said.
class RulerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Never closed again: libraries that work on a GPU have threads and handlers of their own.
class Library {
 public:
  /// Opens the first of these file names that the loader finds. Throws RulerError with what it said of the first.
  explicit Library(const std::vector<std::string>& names) {
    std::string reason;
    for (const std::string& name : names) {
      handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_) {
        name_ = name;
        return;
      }
      const char* said = dlerror();
      if (reason.empty()) reason = said ? said : name + " cannot be opened";
    }
    throw RulerError(reason);
  }

  /// Where a function lies. It turns into a pointer of the type it is assigned to, which nobody checks.
  struct Address {
    void* address;
    template <class Function>
    operator Function*() const {
      return reinterpret_cast<Function*>(address);
    }
  };
  /// Throws RulerError for a function that the library does not have.
  Address operator[](const char* function) const {
    if (void* const address = dlsym(handle_, function)) return {address};
    throw RulerError(name_ + " has no " + function);
  }

  const std::string& name() const { return name_; }

 private:
  std::string name_;
  void* handle_ = nullptr;
};

}  // namespace erg::tools
