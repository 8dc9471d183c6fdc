// What the kernel tests share: run a CPU kernel on every instruction set and with several numbers of threads, into
// memory that holds NaN, so that an element the kernel left unwritten shows.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/isa.h"
#include "kernels/kernel.h"
#include "kernels/stream.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace erg::test {

inline const Stream cpu_stream{};

inline std::vector<real> nan_filled(int64_t n) {
  return std::vector<real>(size_t(n), std::numeric_limits<real>::quiet_NaN());
}

inline std::vector<real> random_reals(int64_t n, unsigned seed, real low = -1, real high = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<real> uniform(low, high);
  std::vector<real> x(size_t(n), real(0));
  for (real& value : x) value = uniform(generator);
  return x;
}

inline void set_threads([[maybe_unused]] int n) {
#ifdef _OPENMP
  omp_set_num_threads(n);
#endif
}

/// Whether two results are the same bits; a NaN equals itself.
inline bool same_bits(const std::vector<real>& a, const std::vector<real>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(real)) == 0);
}

/// run() returns a kernel's outputs; check(outputs) judges them. Runs on every instruction set this CPU has, with one,
/// two and three threads, which must give the same bits.
template <class Run, class Check>
void on_every_isa(const Run& run, const Check& check) {
  namespace cpu = kernels::cpu;
  for (const cpu::Isa level : cpu::available_isas()) {
    SCOPED_TRACE("instruction set " + std::string(cpu::name(level)));
    cpu::set_isa(level);
    set_threads(1);
    const auto one_thread = run();
    check(one_thread);
    for (const int threads : {2, 3}) {
      set_threads(threads);
      EXPECT_TRUE(same_bits(one_thread, run())) << threads << " threads differ from one";
    }
  }
  set_threads(2);
}

/// Counts kernels by name, as they are launched and as they return, while it lives.
struct Launches {
  std::map<std::string, int> begun, ended;
  Launches() {
    kernels::trace = {[](void* self, const kernels::Launch& launch, bool begins) {
                        auto& launches = *static_cast<Launches*>(self);
                        ++(begins ? launches.begun : launches.ended)[launch.kernel];
                      },
                      this};
  }
  ~Launches() { kernels::trace = {}; }
};

}  // namespace erg::test
