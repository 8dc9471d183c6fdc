// Compiles `map` for the whole catalogue: the functors of functors.h and those derivatives of them that a tape may ask
// for. One list for both devices: each includes it in its namespace, below its own `map`.

using namespace functors;

#define ERG_COMPILE(...) \
  template void map<__VA_ARGS__>(const Stream&, const __VA_ARGS__&, const MapShape&, const real* const*, real*);

// clang-format off
#define ERG_COMPILE_SMOOTH(F, ...) ERG_COMPILE(F) ERG_COMPILE(FirstVjp<F, 0>) ERG_COMPILE(SecondVjp<F, 0, 0>)
#define ERG_COMPILE_PIECEWISE(F) ERG_COMPILE(F) ERG_COMPILE(FirstVjp<F, 0>)
#define ERG_COMPILE_PIECEWISE_BINARY(F) ERG_COMPILE_PIECEWISE(F) ERG_COMPILE(FirstVjp<F, 1>)
// clang-format on

ERG_SMOOTH_FUNCTORS(ERG_COMPILE_SMOOTH)
ERG_OUTPUT_FUNCTORS(ERG_COMPILE_SMOOTH)
ERG_PARAMETRIC_FUNCTORS(ERG_COMPILE_SMOOTH)
ERG_PIECEWISE_UNARY_FUNCTORS(ERG_COMPILE_PIECEWISE)
ERG_PIECEWISE_BINARY_FUNCTORS(ERG_COMPILE_PIECEWISE_BINARY)
ERG_ARITHMETIC_FUNCTORS(ERG_COMPILE)
