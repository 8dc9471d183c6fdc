// In-place updates on the device. Memory bounds all of them: a thread moves four elements of each array with one
// access, does the arithmetic, and moves them back.
//
// The optimisers update flat arenas by gradients that lie elsewhere, each in a tensor of its own, in one launch: the
// table of the gradients travels among the kernel's parameters, and a thread finds its tensor there by bisection. Where
// a tensor does not begin at a multiple of four, a thread's four elements may belong to several: then its gradients are
// read one by one, the arena's arrays four at a time all the same. Between two tensors the gradient counts as zero.
#include "../update.h"

#include "../math.h"
#include "langevin.cuh"
#include "noise.cuh"
#include "vector.cuh"

namespace erg::kernels::cuda {

namespace {

/// f of four elements of each x.
template <class F, class... X>
ERG_HD Four<real> each(const F& f, const X&... x) {
  Four<real> y;
  for (int k = 0; k < 4; ++k) y.at[k] = f(x.at[k]...);
  return y;
}

// ---- Optimisers
//
// A rule is one element's update: rule(g, values), with the values of its arrays there, the parameter the last of them.

struct Adam {
  static constexpr int arrays = 3;
  AdamStep s;
  real rate, scale;  // corrected

  explicit Adam(const AdamStep& s) : s(s), rate(s.rate / s.correction1), scale(1 / s.correction2) {}
  ERG_HD void operator()(real g, real (&values)[arrays]) const {
    auto& [m, v, p] = values;
    m = s.beta1 * m + (1 - s.beta1) * g;
    v = s.beta2 * v + (1 - s.beta2) * g * g;
    p -= rate * m / (math::sqrt(v * scale) + s.epsilon);
  }
};

struct Sgd {
  static constexpr int arrays = 2;
  real rate, momentum;

  ERG_HD void operator()(real g, real (&values)[arrays]) const {
    auto& [velocity, p] = values;
    velocity = momentum * velocity + g;
    p -= rate * velocity;
  }
};

struct Rmsprop {
  static constexpr int arrays = 2;
  real rate, decay, epsilon;

  ERG_HD void operator()(real g, real (&values)[arrays]) const {
    auto& [v, p] = values;
    v = decay * v + (1 - decay) * g * g;
    p -= rate * g / (math::sqrt(v) + epsilon);
  }
};

/// Which gradient covers an element of the arena: the last that does not begin after it.
ERG_HD int gradient_at(const Gradients& gradients, int64_t element) {
  int i = 0;
  for (int step = Gradients::max_count / 2; step > 0; step /= 2)
    if (i + step < gradients.count && gradients.begin[i + step] <= element) i += step;
  return i;
}

/// The gradients of a part of the arena that starts at `element`.
ERG_HD Four<real> load_gradients(const Gradients& gradients, int64_t element, const Part& part) {
  int i = gradient_at(gradients, element + part.begin);
  const real* const g = gradients.g[i] + (element - gradients.begin[i]);
  const bool aligned = reinterpret_cast<uintptr_t>(g) % sizeof(Four<real>) == 0;
  if (part.whole && aligned && element + 4 <= gradients.end[i]) return *reinterpret_cast<const Four<real>*>(g);
  Four<real> four{};
  for (int k = 0; k < 4; ++k) {
    if (!part.has(k)) continue;
    while (i + 1 < gradients.count && element + k >= gradients.begin[i + 1]) ++i;
    if (element + k < gradients.end[i]) four.at[k] = gradients.g[i][element + k - gradients.begin[i]];
  }
  return four;
}

/// The arrays begin where the first gradient does.
template <class Rule>
struct Arena {
  real* array[Rule::arrays];
};

template <class Rule>
__global__ void __launch_bounds__(walk_threads)
    update_arena(Rule rule, Gradients gradients, Fours fours, Arena<Rule> arena) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    const Four<real> g = load_gradients(gradients, gradients.begin[0] + part.start, part);
    Four<real> fours_of_arrays[Rule::arrays];
    for (int a = 0; a < Rule::arrays; ++a) fours_of_arrays[a] = load(arena.array[a], part);
    for (int k = 0; k < 4; ++k) {
      real values[Rule::arrays];
      for (int a = 0; a < Rule::arrays; ++a) values[a] = fours_of_arrays[a].at[k];
      rule(g.at[k], values);
      for (int a = 0; a < Rule::arrays; ++a) fours_of_arrays[a].at[k] = values[a];
    }
    for (int a = 0; a < Rule::arrays; ++a) store(arena.array[a], part, fours_of_arrays[a]);
  }
}

/// `arrays` point to the arena's element 0, in the rule's order.
template <class Rule, class... Array>
void update(const Stream& stream, const Rule& rule, const Gradients& gradients, Array*... arrays) {
  if (gradients.count == 0) return;
  const int64_t begin = gradients.begin[0], n = gradients.end[gradients.count - 1] - begin;
  const Fours fours = fours_of(n, int(begin % 4), arrays + begin...);
  launch_walk(update_arena<Rule>, fours.count(), stream, rule, gradients, fours, Arena<Rule>{{arrays + begin...}});
}

}  // namespace

void adam_(const Stream& stream, const AdamStep& s, const Gradients& gradients, real* m, real* v, real* p) {
  update(stream, Adam(s), gradients, m, v, p);
}

void sgd_(const Stream& stream, real rate, real momentum, const Gradients& gradients, real* velocity, real* p) {
  update(stream, Sgd{rate, momentum}, gradients, velocity, p);
}

void rmsprop_(const Stream& stream, real rate, real decay, real epsilon, const Gradients& gradients, real* v, real* p) {
  update(stream, Rmsprop{rate, decay, epsilon}, gradients, v, p);
}

// ---- Element by element

namespace {

/// y[i] = f(y[i], x[i]...)
template <class F, class... X>
__global__ void __launch_bounds__(walk_threads) change(F f, Fours fours, real* y, const X*... x) {
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    store(y, part, each(f, load(y, part), load(x, part)...));
  }
}

template <class F, class... X>
void change_each(const Stream& stream, const F& f, int64_t n, real* y, const X*... x) {
  const Fours fours = fours_of(n, 0, y, x...);
  launch_walk(change<F, X...>, fours.count(), stream, f, fours, y, x...);
}

/// A NaN passes.
struct ClampTo {
  real low, high;
  ERG_HD real operator()(real p) const { return math::clamp(p, low, high); }
};

struct MoveTowards {
  real share;
  ERG_HD real operator()(real average, real p) const { return average + share * (p - average); }
};

__global__ void __launch_bounds__(walk_threads)
    langevin_with_noise(LangevinStep step, NoiseKey key, Fours fours, const real* g, real* x) {
  const Draw draw(key);
  for (int64_t i = thread_index(); i < fours.count(); i += thread_count()) {
    const Part part = fours.part(i);
    store(x, part, each(step, load(x, part), load(g, part), draw.normals(first_block(key) + i)));
  }
}

}  // namespace

void clamp_(const Stream& stream, int64_t n, real low, real high, real* p) {
  change_each(stream, ClampTo{low, high}, n, p);
}

void average_(const Stream& stream, int64_t n, real decay, const real* p, real* average) {
  change_each(stream, MoveTowards{1 - decay}, n, average, p);
}

void langevin_(const Stream& stream, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g, real* x) {
  const LangevinStep step{s};
  if (s.noise == 0) return change_each(stream, step, n, x, g);
  const Fours fours = fours_of_draw(key, n, g, x);
  launch_walk(langevin_with_noise, fours.count(), stream, step, key, fours, g, x);
}

}  // namespace erg::kernels::cuda
