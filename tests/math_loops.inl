// The loops that math_test.cpp runs at each instruction set.

#define LOOP(f)                                                          \
  inline void f(int n, const float* __restrict x, float* __restrict y) { \
    for (int i = 0; i < n; ++i) y[i] = math::f(x[i]);                    \
  }
LOOP(exp)
LOOP(log)
LOOP(log1p)
LOOP(tanh)
LOOP(sigmoid)
LOOP(softplus)
LOOP(sqrt)
LOOP(abs)
LOOP(sin)
LOOP(cos)
#undef LOOP

inline void sinpi(int n, const float* __restrict x, float* __restrict y) {
  for (int i = 0; i < n; ++i) y[i] = math::sincospi(x[i]).sin;
}

inline void cospi(int n, const float* __restrict x, float* __restrict y) {
  for (int i = 0; i < n; ++i) y[i] = math::sincospi(x[i]).cos;
}

/// For a positive normal x this is another road to log; elsewhere it promises nothing.
inline void log_positive(int n, const float* __restrict x, float* __restrict y) {
  for (int i = 0; i < n; ++i) y[i] = math::log_positive(x[i]);
}
