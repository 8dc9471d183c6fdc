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

void descend(const LangevinUpdate& s, int64_t n, const real* __restrict g, real* __restrict x) {
  for (int64_t i = 0; i < n; ++i)
    x[i] = math::clamp(x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip), s.low, s.high);
}

/// One whole tile of a noisy step; `first` is its first element's index in the draw.
void langevin_tile(const LangevinUpdate& s, const Draw& draw, int64_t first, const real* __restrict g,
                   real* __restrict x) {
  real z[tile_size];
  draw_normals(draw, first, z);
  for (int i = 0; i < tile_size; ++i)
    x[i] = math::clamp(x[i] - s.drift * math::clamp(g[i], -s.grad_clip, s.grad_clip) + s.noise * z[i], s.low, s.high);
}

/// Elements [begin, end) of a draw; g[0] and x[0] are the first of them.
void langevin_(const LangevinUpdate& s, const NoiseKey& key, int64_t begin, int64_t end, const real* g, real* x) {
  const Draw draw = draw_of(key);
  for (int64_t first = begin / tile_size * tile_size; first < end; first += tile_size) {
    if (first >= begin && end - first >= tile_size) {
      langevin_tile(s, draw, first, g + (first - begin), x + (first - begin));
      continue;
    }
    const int64_t last = end - first < tile_size ? end : first + tile_size, from = first < begin ? begin : first;
    real part_g[tile_size] = {}, part_x[tile_size] = {};
    for (int64_t i = from; i < last; ++i) part_g[i - first] = g[i - begin], part_x[i - first] = x[i - begin];
    langevin_tile(s, draw, first, part_g, part_x);
    for (int64_t i = from; i < last; ++i) x[i - begin] = part_x[i - first];
  }
}
