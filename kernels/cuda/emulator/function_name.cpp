#include "function_name.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <vector>

namespace erg::emulator {
namespace {

template <class T>
std::vector<T> read(std::ifstream& file, size_t offset, size_t bytes) {
  std::vector<T> items(bytes / sizeof(T));
  file.seekg(std::streamoff(offset));
  file.read(reinterpret_cast<char*>(items.data()), std::streamsize(items.size() * sizeof(T)));
  return items;
}

/// Looks in the symbol table of the file that the address was loaded from. dladdr() itself knows exported functions
/// only, and kernels are not.
std::string symbol(const void* address) {
  Dl_info object;
  if (!dladdr(address, &object)) return {};
  std::ifstream file(object.dli_fname, std::ios::binary);
  if (!file) file.open("/proc/self/exe", std::ios::binary);
  ElfW(Ehdr) header{};
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!file) return {};
  // A program at a fixed place has addresses in its table, all others have distances from where they were loaded.
  const auto base = header.e_type == ET_EXEC ? 0 : reinterpret_cast<uintptr_t>(object.dli_fbase);
  const uintptr_t wanted = reinterpret_cast<uintptr_t>(address) - base;
  const auto sections = read<ElfW(Shdr)>(file, header.e_shoff, header.e_shnum * sizeof(ElfW(Shdr)));
  for (const auto& section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const auto& strings = sections[section.sh_link];
    for (const auto& entry : read<ElfW(Sym)>(file, section.sh_offset, section.sh_size)) {
      if ((entry.st_info & 15) != STT_FUNC || wanted < entry.st_value || wanted >= entry.st_value + entry.st_size)
        continue;
      std::string name;
      file.seekg(std::streamoff(strings.sh_offset + entry.st_name));
      std::getline(file, name, '\0');
      return name;
    }
  }
  return {};
}

}  // namespace

std::string function_name(const void* address) {
  const std::string name = symbol(address);
  if (name.empty()) {
    char text[32];
    std::snprintf(text, sizeof text, "at %p", address);
    return text;
  }
  const std::unique_ptr<char, void (*)(void*)> readable(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, nullptr),
                                                        std::free);
  return readable ? readable.get() : name;
}

}  // namespace erg::emulator
