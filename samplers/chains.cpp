#include "chains.h"

#include <cstring>
#include <string>

#include "../engine/ops.h"
#include "../kernels/copy.h"
#include "../kernels/metropolis.h"

namespace erg {

Chains::Chains(const Tensor& start, int64_t first) : first(first) {
  if (start.rank() < 1)
    throw std::invalid_argument("[chains] the start must be [B,...], got " + to_string(start.shape()));
  x = start.clone();
}

void Chains::evaluate(const Energy& at) {
  if (evaluated) return;
  const EnergyAndGradient here = energy_and_gradient(at, x);
  energy = here.energy, gradient = here.gradient, evaluated = true;
}

Tensor Chains::broadcast(const Tensor& per_chain) const {
  Shape shape{count()};
  for (int i = 1; i < x.rank(); ++i) shape.push_back(1);
  return reshape(per_chain, shape);
}

Tensor Chains::step_or(real constant) const {
  return step_size ? step_size : Tensor::full({count()}, constant, x.device());
}

DivergedError::DivergedError(int64_t step, int64_t chain, real energy)
    : std::runtime_error("[chains] the energy of chain " + std::to_string(chain) + " is " + std::to_string(energy) +
                         " at step " + std::to_string(step) + "; try a smaller step, or start where it is finite"),
      step(step),
      chain(chain),
      energy(energy) {}

namespace detail {

namespace {

/// Copies `from` [B, n] to column `column` of `to` [B, columns, n].
void copy_column(const Tensor& from, Tensor& to, int64_t column) {
  const int64_t rows = to.dim(0), n = to.size() / (rows * to.dim(1)), stride = to.dim(1) * n;
  kernels::copy_box(stream_of(from), {{1, 1, rows, n}, {0, 0, n, 1}, {0, 0, stride, 1}}, from.data(),
                    to.mutate() + column * n);
}

void copy_row(const Tensor& from, Tensor& to, int64_t row) {
  const int64_t n = to.dim(1);
  kernels::copy_box(stream_of(from), {{1, 1, 1, n}, {0, 0, 0, 1}, {0, 0, 0, 1}}, from.data(), to.mutate() + row * n);
}

/// The first element of rows [begin, end) that is not finite, counted from row `begin`; their size if there is none.
int64_t first_nonfinite(const Tensor& rows, int64_t begin, int64_t end) {
  const int64_t n = rows.dim(1);
  Storage found(rows.device(), sizeof(int64_t) / sizeof(real));
  auto* index = reinterpret_cast<int64_t*>(found.mutate());
  kernels::find_nonfinite(stream_of(rows), (end - begin) * n, rows.data() + begin * n, index);
  return *index;
}

}  // namespace

void check_steps(int64_t steps) {
  if (steps < 0)
    throw std::invalid_argument("[chains] the number of steps must not be negative, got " + std::to_string(steps));
}

Trace empty_trace(const Chains& chains, int64_t steps) {
  return {.energy = Tensor::empty({steps, chains.count()}, chains.x.device()), .acceptance = {}};
}

void keep_step(const Chains& chains, Trace& trace, int64_t row) {
  copy_row(chains.energy, trace.energy, row);
  if (!chains.acceptance) return;
  if (!trace.acceptance) trace.acceptance = Tensor::empty(trace.energy.shape(), chains.x.device());
  copy_row(chains.acceptance, trace.acceptance, row);
}

void check_energies(const Chains& chains, const Trace& trace, int64_t first_row, int64_t rows) {
  const int64_t found = first_nonfinite(trace.energy, first_row, first_row + rows), count = chains.count();
  if (found == rows * count) return;
  const real value = slice(trace.energy, 0, first_row, first_row + rows).to_host()[size_t(found)];
  throw DivergedError(chains.steps - rows + found / count + 1, chains.first + found % count, value);
}

Draws empty_draws(const Chains& chains, int64_t draws) {
  const int64_t count = chains.count();
  return {.x = Tensor::empty({count, draws, chains.x.shape().row_size()}, chains.x.device()),
          .energy = Tensor::empty({count, draws}, chains.x.device()),
          .acceptance = {}};
}

void keep_draw(const Chains& chains, const Trace& since, Draws& draws, int64_t draw) {
  copy_column(chains.x, draws.x, draw);
  copy_column(chains.energy, draws.energy, draw);
  if (!since.acceptance) return;
  if (!draws.acceptance) draws.acceptance = Tensor::empty(draws.energy.shape(), chains.x.device());
  const Tensor mean = sum_to(since.acceptance, {1, chains.count()}) / real(since.acceptance.dim(0));
  copy_column(mean, draws.acceptance, draw);
}

}  // namespace detail

}  // namespace erg
