// Chains: what a sampler moves, and the loops that run one.
//
// A sampler is a plain struct of constants with `step(energy, chains, noise)`, which moves every chain once, and
// `check()`, which refuses constants that make no step. The loops here serve them all:
//
//   Tensor x = run(Langevin::exact(0.01f), energy, start, 100, noise);    where the chains end
//   Trace t  = advance(Mala{0.5f}, energy, chains, 100, noise);           and what happened on the way
//   Draws d  = record(Hmc{0.1f, 10}, energy, chains, 1000, 5, noise);     every fifth state, kept
//
// Chains do not see each other: a batch has the bits of its chains run one by one, each told its `first` row.
#pragma once

#include <algorithm>
#include <concepts>
#include <stdexcept>
#include <string>

#include "../engine/energy.h"
#include "../engine/random.h"
#include "../engine/tape.h"

namespace erg {

/// A batch of chains between two steps. A sampler adds what it needs when it first meets them. Copies share their
/// tensors, as handles do, and samplers write in place.
struct Chains {
  Tensor x;                 // [B,...]
  Tensor energy, gradient;  // [B] and [B,...], where they were last evaluated
  bool evaluated = false;   // that is at x, by the energy of the loop at work
  Tensor acceptance;        // [B], the last step's probability of acceptance; absent where every step is accepted
  Tensor hamiltonian;       // [B], energy and kinetic energy as the last step began, of HMC
  Tensor step_size;         // [B], in the units of the sampler it was found for; absent: that sampler's own constant
  Tensor momentum;          // [B,...], of underdamped dynamics
  Tensor mean_square;       // [B,...], of the gradient, for preconditioning
  Tensor exchanges;         // [B], of parallel tempering: sum of the probabilities of exchange with the rung above
  int64_t exchange_rounds = 0;
  int64_t first = 0;  // the number of the first chain in the noise
  int64_t steps = 0;  // taken so far

  /// Chains that start at a copy of x [B,...]. Throws std::invalid_argument for a scalar.
  explicit Chains(const Tensor& start, int64_t first = 0);
  /// How many there are.
  int64_t count() const { return x.dim(0); }
  /// Makes energy and gradient those of x. Costs nothing where they are.
  void evaluate(const Energy& at);
  /// Takes `there` over: samplers will write into it.
  void move_to(const Tensor& there) { x = there, evaluated = false; }
  /// A number for each chain, shaped so that it broadcasts over x: [B] -> [B,1,...].
  Tensor broadcast(const Tensor& per_chain) const;
  /// step_size, or `constant` for every chain.
  Tensor step_or(real constant) const;
};

/// A chain that left the finite numbers.
class DivergedError : public std::runtime_error {
 public:
  /// `what` is "energy", "position" or "gradient".
  DivergedError(const char* what, int64_t step, int64_t chain, real value);
  int64_t step, chain;
  real value;
};

/// Whether chains are checked for numbers that are not finite. To look, the host waits for the device.
enum class Check { finite, nothing };

/// What happened in K steps of B chains: [K,B] each. `energy` is E where the step was decided: at the state an
/// unadjusted sampler took its gradient, at the state a Metropolis step ended in.
struct Trace {
  Tensor energy;
  Tensor acceptance;  // absent where every step is accepted
};

/// States kept, by chain and draw as ArviZ orders them (diagnostics.h reads them so).
struct Draws {
  Tensor x;            // [B, draws, n], n elements a state
  Tensor energy;       // [B, draws]
  Tensor acceptance;   // [B, draws], the mean over the steps between two draws; absent where every step is accepted
  Tensor hamiltonian;  // [B, draws], of HMC
};

template <class S>
concept Sampler = requires(const S& sampler, const Energy& energy, Chains& chains, Noise& noise) {
  { sampler.check() } -> std::same_as<void>;
  { sampler.step(energy, chains, noise) } -> std::same_as<void>;
};

namespace detail {

/// How many steps may pass before somebody looks whether the energies are still finite: looking synchronises.
constexpr int64_t steps_between_checks = 32;
/// How many steps' energies are kept when nobody asked for them.
constexpr int64_t longest_trace = 1024;

/// Throws std::invalid_argument for a negative count of `what`.
void check_count(const char* what, int64_t count);
Trace empty_trace(const Chains& chains, int64_t steps);
/// The chains' last step becomes row `row` of the trace.
void keep_step(const Chains& chains, Trace& trace, int64_t row);
/// Throws DivergedError if one of `rows` rows of the trace from `first_row` on is not finite; the first of them was the
/// chains' last step but `rows` - 1.
void check_energies(const Chains& chains, const Trace& trace, int64_t first_row, int64_t rows);
/// Throws DivergedError unless positions are finite, and energies and gradients where they have been evaluated.
void check_state(const Chains& chains);
Draws empty_draws(const Chains& chains, int64_t draws);
/// The chains' state becomes draw `draw`; `since` is what happened since the draw before.
void keep_draw(const Chains& chains, const Trace& since, Draws& draws, int64_t draw);

/// Takes at most `steps` steps, the first of them into row `row` of the trace, and returns how many it took.
template <Sampler S>
int64_t take_steps(const S& sampler, const Energy& energy, Chains& chains, int64_t steps, Noise& noise, Trace& trace,
                   int64_t row) {
  // Some samplers know a quicker way on some energies.
  if constexpr (requires { sampler.run_whole(energy, chains, steps, noise, trace, row); })
    if (const int64_t taken = sampler.run_whole(energy, chains, steps, noise, trace, row)) {
      chains.steps += taken;
      return taken;
    }
  const int64_t taken = std::min(steps, steps_between_checks);
  for (int64_t k = 0; k < taken; ++k) {
    sampler.step(energy, chains, noise);
    ++chains.steps;
    keep_step(chains, trace, row + k);
  }
  return taken;
}

/// advance(), for chains that this very energy may have evaluated already.
template <Sampler S>
Trace go_on(const S& sampler, const Energy& energy, Chains& chains, int64_t steps, Noise& noise,
            Check check = Check::finite) {
  const Pause pause;  // a chain is a constant to whoever trains on it
  Trace trace = empty_trace(chains, steps);
  for (int64_t done = 0; done < steps;) {
    const int64_t taken = take_steps(sampler, energy, chains, steps - done, noise, trace, done);
    if (check == Check::finite) check_energies(chains, trace, done, taken);
    done += taken;
  }
  if (check == Check::finite) check_state(chains);
  return trace;
}

/// Forgets what another energy or sampler left: the energy may have been trained since.
inline void begin(Chains& chains) {
  chains.evaluated = false;
  chains.acceptance = chains.hamiltonian = {};
}

}  // namespace detail

/// Moves the chains `steps` steps on. Throws std::invalid_argument for steps < 0 or constants that make no step, and
/// DivergedError (naming step, chain and value) soon after the energy of a chain became infinite or NaN; a proposal
/// that is rejected does not count.
template <Sampler S>
Trace advance(const S& sampler, const Energy& energy, Chains& chains, int64_t steps, Noise& noise) {
  sampler.check();
  detail::check_count("steps", steps);
  detail::begin(chains);
  return detail::go_on(sampler, energy, chains, steps, noise);
}

/// Where every chain of x [B,...] is after `steps` steps; x itself is left alone. Throws as advance. With
/// Check::nothing a chain that left the finite numbers is returned as it is: for whoever looks at the result anyway,
/// and has no time to wait for a GPU.
template <Sampler S>
Tensor run(const S& sampler, const Energy& energy, const Tensor& x, int64_t steps, Noise& noise,
           Check check = Check::finite) {
  sampler.check();
  detail::check_count("steps", steps);
  Chains chains(x);
  while (chains.steps < steps)
    detail::go_on(sampler, energy, chains, std::min(steps - chains.steps, detail::longest_trace), noise, check);
  return chains.x;
}

/// Keeps every `thin`-th state of the chains. Throws as advance, and for draws < 0 or thin < 1.
template <Sampler S>
Draws record(const S& sampler, const Energy& energy, Chains& chains, int64_t draws, int64_t thin, Noise& noise) {
  sampler.check();
  detail::check_count("draws", draws);
  if (thin < 1) throw std::invalid_argument("[chains] thin must be at least 1, got " + std::to_string(thin));
  detail::begin(chains);
  Draws kept = detail::empty_draws(chains, draws);
  for (int64_t draw = 0; draw < draws; ++draw) {
    const Trace since = detail::go_on(sampler, energy, chains, thin, noise);
    chains.evaluate(energy);  // samplers that step by step find it done
    detail::check_state(chains);
    detail::keep_draw(chains, since, kept, draw);
  }
  return kept;
}

}  // namespace erg
