// What can go wrong, and what a program that must not throw makes of it: erg's errors are exceptions, each with one
// line for a person, and one function at the border turns them into codes.
#include <cstdio>
#include <new>

#include "erg.h"

using namespace erg;

enum class Result { ok, wrong_argument, no_device, out_of_memory, diverged, other };

template <class Work>
Result guarded(const Work& work) noexcept {
  const auto failed = [](Result result, const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return result;
  };
  try {
    work();
    return Result::ok;
  } catch (const std::invalid_argument& error) {  // shapes and constants
    return failed(Result::wrong_argument, error);
  } catch (const DeviceError& error) {
    return failed(Result::no_device, error);
  } catch (const DivergedError& error) {  // names step and chain
    return failed(Result::diverged, error);
  } catch (const std::bad_alloc& error) {
    return failed(Result::out_of_memory, error);
  } catch (const std::exception& error) {  // io::FileError among them: unreadable or damaged files
    return failed(Result::other, error);
  }
}

int main() {
  Noise noise(1, "example");
  const Tensor x = noise.normal({100, 2});
  const Energy double_well = [](const Tensor& x) { return sum_per_sample(square(square(x) - 1)); };
  const auto steps_of = [&](real eta) { return [&, eta] { run(Langevin::exact(eta), double_well, x, 100, noise); }; };
  const bool as_expected =
      guarded(steps_of(real(0.01))) == Result::ok && guarded([&] { matmul(x, x); }) == Result::wrong_argument &&
      guarded(steps_of(-1)) == Result::wrong_argument && guarded(steps_of(10)) == Result::diverged &&
      guarded([] { device_named("cuda:99"); }) == Result::no_device;
  return as_expected ? 0 : 1;
}
