#include "block.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace erg::emulator {

void Block::run(const std::vector<unsigned>& by_rank, const std::function<void()>& body) {
  running_ = this;
  body_ = &body;
  prepare(by_rank);
  go_on(*next(), launcher_);  // comes back when the last thread is done
  running_ = nullptr;
}

void Block::prepare(const std::vector<unsigned>& by_rank) {
  by_rank_ = by_rank;
  threads_.resize(by_rank.size());
  exited_ = 0;
  for (unsigned rank = 0; rank < by_rank.size(); ++rank) {
    Thread& thread = threads_[by_rank[rank]];
    thread.state = Thread::State::can_go_on;
    thread.rank = rank;
    thread.fiber = nullptr;
    ready_.add(rank);
  }
  Thread* thread = threads_.data();
  for (unsigned z = 0; z < blockDim.z; ++z)
    for (unsigned y = 0; y < blockDim.y; ++y)
      for (unsigned x = 0; x < blockDim.x; ++x) (thread++)->index = {x, y, z};
}

// ---- Who runs

/// Takes the ready thread of the lowest rank; null if there is none.
Thread* Block::next() { return ready_.empty() ? nullptr : &threads_[by_rank_[ready_.take_lowest()]]; }

/// Leaves the fiber `from`, which runs, for a thread.
void Block::go_on(Thread& thread, Fiber& from) {
  if (!thread.fiber) thread.fiber = idle_fiber();
  current_ = &thread;
  threadIdx = thread.index;
  if (thread.fiber != &from) Fiber::switch_to(from, *thread.fiber);
}

/// The running thread, which waits, lets the others go on until it is ready again.
void Block::give_way() {
  Fiber& mine = *current_->fiber;
  Thread* const other = next();
  if (!other) report_deadlock();
  go_on(*other, mine);
}

Fiber* Block::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(run_threads));
    return fibers_.back().get();
  }
  Fiber* const fiber = idle_.back();
  idle_.pop_back();
  return fiber;
}

/// What every fiber does for ever: run the thread it was given, from its first step to its last, and get another.
void Block::run_threads() {
  for (;;) {
    (*running_->body_)();
    running_->finish();
  }
}

/// The running thread is done. Returns when its fiber has been given another. That is at once if the next thread has
/// not begun: it takes the fiber that became idle last, so that threads which never wait all run on one stack.
void Block::finish() {
  Thread& me = *current_;
  if (const size_t copies = me.copies.under_way())
    report(Culprit::thread, "exits with %zu copies (copy_async) under way that it did not wait for", copies);
  me.copies.clear();
  me.state = Thread::State::exited;
  ++exited_;
  Fiber& mine = *me.fiber;
  idle_.push_back(&mine);
  if (Thread* const other = next()) return go_on(*other, mine);
  if (exited_ < threads_.size()) report_deadlock();
  Fiber::switch_to(mine, launcher_);
}

// ---- Waiting for each other

namespace {

std::string text(const Wait& wait) {
  return std::string(wait.call) + " (" + wait.where.file + ":" + std::to_string(wait.where.line) + ")";
}

std::string text(uint32_t mask) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "0x%08x", mask);
  return digits;
}

}  // namespace

int Block::barrier(Wait wait, bool vote) {
  if (at_barrier_ == 0) barrier_ = wait;
  if (!(wait.where == barrier_.where))
    report(Culprit::thread, "divergent barrier: waits at %s, and %zu others at %s", text(wait).c_str(), at_barrier_,
           text(barrier_).c_str());
  current_->state = Thread::State::at_barrier;
  current_->wait = wait;
  votes_ += vote;
  if (++at_barrier_ == threads_.size()) {
    counted_votes_ = votes_;  // everybody reads it before the next barrier can open
    votes_ = 0;
    at_barrier_ = 0;
    for (Thread& thread : threads_) {
      thread.state = Thread::State::can_go_on;
      ready_.add(thread.rank);
    }
  }
  give_way();
  return counted_votes_;
}

/// The running thread comes to a collective. Returns the lanes of its warp if it is the last to come, else null.
Thread* Block::meet(Wait wait, uint32_t mask, void* contribution) {
  const unsigned warp = number() / warp_lanes;
  const size_t lanes = std::min<size_t>(warp_lanes, threads_.size() - warp * warp_lanes);
  if (!(mask >> lane() & 1))
    report(Culprit::thread, "%s: lane %u is not in its own mask %s", wait.call, lane(), text(mask).c_str());
  if (lanes < warp_lanes && mask >> lanes)
    report(Culprit::thread, "%s: the mask %s names lanes that do not exist; this warp has %zu", wait.call,
           text(mask).c_str(), lanes);
  current_->state = Thread::State::at_collective;
  current_->wait = wait;
  current_->mask = mask;
  current_->contribution = contribution;
  at_collective_[warp] |= 1u << lane();
  if ((at_collective_[warp] & mask) != mask) return nullptr;
  check_agreement(&threads_[warp * warp_lanes], mask);
  return &threads_[warp * warp_lanes];
}

/// Whether all lanes of the mask are at the same line, with the same mask.
void Block::check_agreement(const Thread* warp, uint32_t mask) {
  for (const unsigned lane : Lanes(mask)) {
    const Thread& other = warp[lane];
    if (other.mask != mask || !(other.wait.where == current_->wait.where))
      report(Culprit::thread, "lanes disagree: lane %u waits at %s with mask %s, lane %u at %s with mask %s",
             this->lane(), text(current_->wait).c_str(), text(mask).c_str(), lane, text(other.wait).c_str(),
             text(other.mask).c_str());
  }
}

void Block::release(Thread* warp, uint32_t mask) {
  at_collective_[unsigned(warp - threads_.data()) / warp_lanes] &= ~mask;
  for (const unsigned lane : Lanes(mask)) {
    Thread& thread = warp[lane];
    thread.state = Thread::State::can_go_on;
    ready_.add(thread.rank);
  }
}

/// Nobody can go on. Says where everybody is, consecutive threads together.
void Block::report_deadlock() const {
  const auto place = [](const Thread& thread) -> std::string {
    if (thread.state == Thread::State::exited) return "exited";
    if (thread.state == Thread::State::at_barrier) return "at the barrier " + text(thread.wait);
    return "at the warp collective " + text(thread.wait) + " for lanes " + text(thread.mask);
  };
  std::string all;
  for (size_t begin = 0, end; begin < threads_.size(); begin = end) {
    const std::string here = place(threads_[begin]);
    for (end = begin + 1; end < threads_.size() && place(threads_[end]) == here;) ++end;
    all += begin == 0 ? "" : "; ";
    all += "threads " + std::to_string(begin) + " to " + std::to_string(end - 1) + " " + here;
  }
  report(Culprit::block, "deadlock of its %zu threads: %s", threads_.size(), all.c_str());
}

}  // namespace erg::emulator
