#include "chains.h"

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
  energy = here.energy.clone();  // it may be x itself, or a tensor of the caller's
  gradient = here.gradient, evaluated = true;
}

Tensor Chains::broadcast(const Tensor& per_chain) const {
  Shape shape{count()};
  for (int i = 1; i < x.rank(); ++i) shape.push_back(1);
  return reshape(per_chain, shape);
}

Tensor Chains::step_or(real constant) const {
  return step_size ? step_size : Tensor::full({count()}, constant, x.device());
}

DivergedError::DivergedError(const char* what, int64_t step, int64_t chain, real value)
    : std::runtime_error("[chains] the " + std::string(what) + " of chain " + std::to_string(chain) + " is " +
                         std::to_string(value) + " at step " + std::to_string(step) +
                         "; try a smaller step, or start where it is finite"),
      step(step),
      chain(chain),
      value(value) {}

namespace detail {

namespace {

/// Copies `from` [B, n] to column `column` of `to` [B, columns, n].
void copy_column(const Tensor& from, Tensor& to, int64_t column) {
  const int64_t rows = from.dim(0), n = from.shape().row_size(), stride = to.dim(1) * n;
  kernels::copy_box(stream_of(from), {{1, 1, rows, n}, {0, 0, n, 1}, {0, 0, stride, 1}}, from.data(),
                    to.mutate() + column * n);
}

/// Copies `from` [n] to row `row` of `to` [rows, n].
void copy_row(const Tensor& from, Tensor& to, int64_t row) {
  kernels::copy_box(stream_of(from), kernels::run_of(from.size()), from.data(), to.mutate() + row * from.size());
}

/// Where the first of n values is that is not finite; n if there is none.
int64_t first_nonfinite(Device device, int64_t n, const real* values) {
  if (kernels::trace.dry) return n;  // nothing has been computed
  Storage found(device, sizeof(int64_t) / sizeof(real));
  auto* index = reinterpret_cast<int64_t*>(found.mutate());
  kernels::find_nonfinite(stream_of(device), n, values, index);
  int64_t first;
  copy_bytes(cpu_device, &first, device, index, sizeof first);
  return first;
}

/// Looks at one row a chain.
void check_rows(const char* what, const Chains& chains, const Tensor& rows) {
  const int64_t found = first_nonfinite(rows.device(), rows.size(), rows.data());
  if (found == rows.size()) return;
  throw DivergedError(what, chains.steps, chains.first + found / rows.shape().row_size(),
                      rows.to_host()[size_t(found)]);
}

}  // namespace

void check_count(const char* what, int64_t count) {
  if (count < 0)
    throw std::invalid_argument("[chains] the number of " + std::string(what) + " must not be negative, got " +
                                std::to_string(count));
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
  const int64_t count = chains.count();
  const real* values = trace.energy.data() + first_row * count;
  const int64_t found = first_nonfinite(trace.energy.device(), rows * count, values);
  if (found == rows * count) return;
  const Tensor row = slice(trace.energy, 0, first_row + found / count, first_row + found / count + 1);
  throw DivergedError("energy", chains.steps - rows + found / count + 1, chains.first + found % count,
                      row.to_host()[size_t(found % count)]);
}

void check_state(const Chains& chains) {
  check_rows("position", chains, chains.x);
  if (!chains.evaluated) return;
  check_rows("energy", chains, chains.energy);
  check_rows("gradient", chains, chains.gradient);
}

Draws empty_draws(const Chains& chains, int64_t draws) {
  const int64_t count = chains.count();
  return {.x = Tensor::empty({count, draws, chains.x.shape().row_size()}, chains.x.device()),
          .energy = Tensor::empty({count, draws}, chains.x.device()),
          .acceptance = {},
          .hamiltonian = {}};
}

void keep_draw(const Chains& chains, const Trace& since, Draws& draws, int64_t draw) {
  const auto keep = [&](const Tensor& values, Tensor& kept) {  // values there may be or not, [B]
    if (!values) return;
    if (!kept) kept = Tensor::empty(draws.energy.shape(), chains.x.device());
    copy_column(values, kept, draw);
  };
  copy_column(chains.x, draws.x, draw);
  copy_column(chains.energy, draws.energy, draw);
  keep(chains.hamiltonian, draws.hamiltonian);
  if (!since.acceptance) return;
  const Tensor mean = sum_to(since.acceptance, {1, chains.count()}) / real(since.acceptance.dim(0));
  keep(reshape(mean, {chains.count()}), draws.acceptance);
}

}  // namespace detail

}  // namespace erg
