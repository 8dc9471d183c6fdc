#include "isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace erg::kernels::cpu {

namespace {

Isa best_available() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  if (avx2 && avx512) return Isa::avx512;
  if (avx2) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa from_environment() {
  const Isa best = best_available();
  const char* wish = std::getenv("ERG_ISA");
  if (!wish || !*wish) return best;
  for (Isa level : {Isa::baseline, Isa::avx2, Isa::avx512})
    if (wish == name(level)) {
      if (level <= best) return level;
      throw std::runtime_error("ERG_ISA=" + std::string(wish) + ": this CPU has no more than " +
                               std::string(name(best)));
    }
  throw std::runtime_error("ERG_ISA=" + std::string(wish) + ": expected baseline, avx2 or avx512");
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> level{from_environment()};
  return level;
}

}  // namespace

Isa isa() { return current().load(std::memory_order_relaxed); }

void set_isa(Isa level) {
  if (level > best_available()) throw std::invalid_argument("[isa] this CPU has no " + std::string(name(level)));
  current() = level;
}

std::vector<Isa> available_isas() {
  std::vector<Isa> levels;
  for (int i = 0; i <= int(best_available()); ++i) levels.push_back(Isa(i));
  return levels;
}

std::string_view name(Isa level) {
  constexpr std::string_view names[] = {"baseline", "avx2", "avx512"};
  return names[int(level)];
}

}  // namespace erg::kernels::cpu
