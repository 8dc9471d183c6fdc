// Bodies over n consecutive elements. A NaN in a gradient or a parameter stays visible: it passes every clamp.

#include "noise_tile.inl"

void adam_(const AdamStep& s, int64_t n, const real* __restrict g, real* __restrict m, real* __restrict v,
           real* __restrict p) {
  const real rate = s.rate / s.correction1, scale = 1 / s.correction2;
  for (int64_t i = 0; i < n; ++i) {
    m[i] = s.beta1 * m[i] + (1 - s.beta1) * g[i];
    v[i] = s.beta2 * v[i] + (1 - s.beta2) * g[i] * g[i];
    p[i] -= rate * m[i] / (math::sqrt(v[i] * scale) + s.epsilon);
  }
}

void sgd_(real rate, real momentum, int64_t n, const real* __restrict g, real* __restrict velocity,
          real* __restrict p) {
  for (int64_t i = 0; i < n; ++i) {
    velocity[i] = momentum * velocity[i] + g[i];
    p[i] -= rate * velocity[i];
  }
}

void rmsprop_(real rate, real decay, real epsilon, int64_t n, const real* __restrict g, real* __restrict v,
              real* __restrict p) {
  for (int64_t i = 0; i < n; ++i) {
    v[i] = decay * v[i] + (1 - decay) * g[i] * g[i];
    p[i] -= rate * g[i] / (math::sqrt(v[i]) + epsilon);
  }
}

void clamp_(int64_t n, real low, real high, real* p) {
  for (int64_t i = 0; i < n; ++i) p[i] = math::clamp(p[i], low, high);
}

void average_(int64_t n, real decay, const real* __restrict p, real* __restrict average) {
  for (int64_t i = 0; i < n; ++i) average[i] += (1 - decay) * (p[i] - average[i]);
}

/// The Langevin step with noise z.
ERG_HD void step(LangevinUpdate s, int64_t n, const real* __restrict g, const real* __restrict z, real* __restrict x) {
  for (int64_t i = 0; i < n; ++i)
    x[i] = math::clamp(x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip) + s.noise * z[i], s.low, s.high);
}

void descend(LangevinUpdate s, int64_t n, const real* __restrict g, real* __restrict x) {
  for (int64_t i = 0; i < n; ++i)
    x[i] = math::clamp(x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip), s.low, s.high);
}

/// Elements [begin, end) of a draw; g[0] and x[0] are the first of them. The noise of a part stays in the first-level
/// cache until it is used.
void langevin_(const LangevinUpdate& s, const NoiseKey& key, int64_t begin, int64_t end, const real* g, real* x) {
  constexpr int64_t part = many_tiles * tile_size;
  const Draw draw = draw_of(key);
  alignas(64) real z[part];
  for (int64_t first = begin; first < end;) {
    const int64_t boundary = (first / part + 1) * part, last = boundary < end ? boundary : end;
    draw_normals(draw, first, last, z);
    step(s, last - first, g + (first - begin), z, x + (first - begin));
    first = last;
  }
}
