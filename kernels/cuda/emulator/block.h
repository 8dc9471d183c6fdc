// One block: its threads run one at a time, each until it has to wait for others (at a barrier, or for lanes of its
// warp) or is done. Nothing interrupts a thread in between, so that a launch has the same result each time.
//
// Each thread has a rank, and of those that can go on, the one of the lowest rank does. In the usual order ranks are
// thread numbers: warp 0 runs from one barrier to the next, then warp 1 does, and so on. Other orders: order.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "copies.h"
#include "fiber.h"
#include "language.h"
#include "report.h"

namespace erg::emulator {

inline constexpr unsigned max_threads = 1024, warp_lanes = 32;

/// A set of ranks below 1024: 32 words of 32 bits, and a word that says which words have any.
class RankSet {
 public:
  bool empty() const { return words_ == 0; }
  void add(unsigned rank) {
    bits_[rank / 32] |= 1u << rank % 32;
    words_ |= 1u << rank / 32;
  }
  unsigned take_lowest() {
    const unsigned word = unsigned(std::countr_zero(words_)), bit = unsigned(std::countr_zero(bits_[word]));
    bits_[word] &= bits_[word] - 1;
    if (bits_[word] == 0) words_ &= words_ - 1;
    return word * 32 + bit;
  }

 private:
  uint32_t words_ = 0, bits_[32] = {};
};

/// The lanes of a mask, lowest first: for (unsigned lane : Lanes(mask)).
class Lanes {
 public:
  explicit Lanes(uint32_t mask) : mask_(mask) {}
  struct Iterator {
    uint32_t rest;
    unsigned operator*() const { return unsigned(std::countr_zero(rest)); }
    Iterator& operator++() { return rest &= rest - 1, *this; }
    bool operator!=(const Iterator& other) const { return rest != other.rest; }
  };
  Iterator begin() const { return {mask_}; }
  Iterator end() const { return {0}; }

 private:
  uint32_t mask_;
};

/// What a thread waits at: the function by name, and the line that called it.
struct Wait {
  const char* call;
  Location where;
};

struct Thread {
  enum class State : uint8_t { can_go_on, at_barrier, at_collective, exited };
  State state;
  unsigned rank;
  uint3 index;
  Fiber* fiber;  // from its first step to its last
  Wait wait;     // while it waits
  // At a collective: the lanes that meet, and what this one brings.
  uint32_t mask;
  void* contribution;
  CopyQueue copies;
};

class Block {
 public:
  /// The block whose threads run; null when none do.
  static Block* running() { return running_; }

  /// Runs `body` once for each thread, as the block at blockIdx. `by_rank` lists the thread numbers.
  void run(const std::vector<unsigned>& by_rank, const std::function<void()>& body);

  /// The thread that runs.
  Thread& current() { return *current_; }
  unsigned lane() const { return number() % warp_lanes; }

  /// The running thread waits for all of the block. Returns how many came with `vote`.
  int barrier(Wait wait, bool vote);

  /// The running thread waits for the lanes of `mask`, and brings a contribution, which may have room for a result. The
  /// last lane to come does the work of all, by perform(contribution): there contribution(l) is what lane l brought, a
  /// variable on the stack of that lane, which stays where it is as long as the lane waits in here.
  template <class Contribution, class Perform>
  void collective(Wait wait, uint32_t mask, Contribution& mine, const Perform& perform) {
    if (Thread* const warp = meet(wait, mask, &mine)) {
      perform([warp](unsigned lane) -> Contribution& { return *static_cast<Contribution*>(warp[lane].contribution); });
      release(warp, mask);
    }
    give_way();
  }

 private:
  unsigned number() const { return unsigned(current_ - threads_.data()); }
  void prepare(const std::vector<unsigned>& by_rank);
  static void run_threads();
  void finish();
  Thread* next();
  void go_on(Thread& thread, Fiber& from);
  void give_way();
  Fiber* idle_fiber();
  Thread* meet(Wait wait, uint32_t mask, void* contribution);
  void release(Thread* warp, uint32_t mask);
  void check_agreement(const Thread* warp, uint32_t mask);
  [[noreturn]] void report_deadlock() const;

  static inline Block* running_ = nullptr;

  const std::function<void()>* body_ = nullptr;
  std::vector<Thread> threads_;  // by number
  std::vector<unsigned> by_rank_;
  Thread* current_ = nullptr;
  RankSet ready_;  // the threads that can go on, but for the current one
  size_t exited_ = 0, at_barrier_ = 0;
  Wait barrier_{};  // of those at it
  int votes_ = 0, counted_votes_ = 0;
  uint32_t at_collective_[max_threads / warp_lanes] = {};  // lanes of each warp

  Fiber launcher_;  // the stack that run() was called on
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
};

}  // namespace erg::emulator
