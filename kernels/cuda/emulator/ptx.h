// Software twins of ../ptx.cuh, where each is described.
#pragma once

#include "collectives.h"
#include "copies.h"
#include "shared_memory.h"

namespace erg::kernels::cuda {

inline void copy_async(void* to, const void* from, bool valid = true) {
  emulator::copy_async("copy_async", to, from, 16, valid);
}

inline void copy_async_cached(void* to, const void* from, bool valid = true) {
  emulator::copy_async("copy_async_cached", to, from, 16, valid);
}

inline void copy_async_word(void* to, const void* from, bool valid = true) {
  emulator::copy_async("copy_async_word", to, from, 4, valid);
}

inline void commit_copies() { emulator::Block::running()->current().copies.commit(); }

template <int open>
void wait_for_copies() {
  emulator::Block::running()->current().copies.wait(open);
}

/// The last lane to come reads all rows and hands out their words.
inline void load_matrices(uint32_t (&r)[4], const void* row, emulator::Location where = emulator::Location::here()) {
  if (reinterpret_cast<uintptr_t>(row) % 16)
    report(emulator::Culprit::thread, "misaligned load_matrices: the row at %p is not at a multiple of 16", row);
  if (!emulator::SharedMemory::instance().contains(row, 16))
    report(emulator::Culprit::thread, "load_matrices of a row at %p, which is not in the block's shared memory", row);
  struct Exchange {
    const uint32_t* row;
    uint32_t* r;
  } mine{static_cast<const uint32_t*>(row), r};
  emulator::Block::running()->collective({"load_matrices", where}, 0xFFFFFFFFu, mine, [](auto of) {
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned matrix = 0; matrix < 4; ++matrix) of(lane).r[matrix] = of(8 * matrix + lane / 4).row[lane % 4];
  });
}

/// Half of the last place that is kept is added to the magnitude, and the rest cut off. There is one NaN.
inline uint32_t to_tf32(float x) { return x != x ? 0x7FFFFFFFu : (__float_as_uint(x) + 0x1000u) & 0xFFFFE000u; }

/// The last lane to come gathers A and B from the fragments, multiplies in fp32, and adds to the fragments of D.
inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     emulator::Location where = emulator::Location::here()) {
  struct Fragments {
    float* d;
    const uint32_t *a, *b;
  } mine{d, a, b};
  emulator::Block::running()->collective({"mma_tf32", where}, 0xFFFFFFFFu, mine, [](auto of) {
    const auto tf32 = [](uint32_t word) { return __uint_as_float(word & 0xFFFFE000u); };  // as the hardware reads it
    float A[16][8], B[8][8];
    for (unsigned lane = 0; lane < 32; ++lane) {
      const unsigned group = lane / 4, member = lane % 4;
      for (unsigned i = 0; i < 4; ++i) A[group + i % 2 * 8][member + i / 2 * 4] = tf32(of(lane).a[i]);
      for (unsigned i = 0; i < 2; ++i) B[member + i * 4][group] = tf32(of(lane).b[i]);
    }
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        for (unsigned k = 0; k < 8; ++k) of(lane).d[i] += A[row][k] * B[k][column];
      }
  });
}

}  // namespace erg::kernels::cuda
