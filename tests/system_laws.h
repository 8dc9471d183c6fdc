// What holds for every system: its visit() names all of its state, and threads change nothing.
#pragma once

#include <gtest/gtest.h>

#include "engine/visit.h"
#include "kernel_runs.h"

namespace erg::test {

/// Overwrites one part's state by another's of the same form.
template <class Part>
void copy_state(Part& from, Part& to) {
  const auto source = entries(from), target = entries(to);
  ASSERT_EQ(source.size(), target.size());
  for (size_t i = 0; i < source.size(); ++i) {
    ASSERT_EQ(source[i].name, target[i].name);
    if (source[i].tensor)
      target[i].tensor->copy_(*source[i].tensor);
    else
      target[i].write(source[i].read());
  }
}

template <class Part>
void expect_same_state(Part& a, Part& b) {
  const auto of_a = entries(a), of_b = entries(b);
  ASSERT_EQ(of_a.size(), of_b.size());
  for (size_t i = 0; i < of_a.size(); ++i) {
    if (of_a[i].tensor) {
      EXPECT_TRUE(same_bits(of_a[i].tensor->to_host(), of_b[i].tensor->to_host())) << of_a[i].name;
    } else {
      EXPECT_EQ(of_a[i].read(), of_b[i].read()) << of_a[i].name;
    }
  }
}

/// make(seed) builds a system behind a pointer with weights of that seed, and all other noise of one and the same;
/// step(system, i) is its step i, on data that depends on i alone. A system that took over another's state after three
/// steps goes on with the same bits, and on two threads.
template <class Make, class Step>
void expect_resumable(const Make& make, const Step& step) {
  set_threads(1);
  const auto original = make(1), restored = make(2);
  for (int i = 0; i < 3; ++i) step(*original, i);
  copy_state(*original, *restored);
  for (int i = 3; i < 5; ++i) step(*original, i);
  set_threads(2);
  for (int i = 3; i < 5; ++i) step(*restored, i);
  expect_same_state(*original, *restored);
}

/// The metric of that name.
template <class Metrics>
real metric(const Metrics& metrics, const std::string& name) {
  for (const auto& m : metrics)
    if (m.name == name) return m.value.item();
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

}  // namespace erg::test
