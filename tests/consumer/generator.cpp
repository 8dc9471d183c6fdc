// Samples of a generator that `erg train gan` left: generator CHECKPOINT.safetensors
#include <cstdio>

#include "engine/io/checkpoint.h"
#include "erg.h"

int main(int argc, char** argv) {
  using namespace erg;
  if (argc != 2) return std::fprintf(stderr, "usage: %s CHECKPOINT.safetensors\n", argv[0]), 64;
  try {
    Noise noise(1, "example");
    Sequential generator = mlp({2, 128, 128, 128, 2}, noise);
    io::load(argv[1], generator, "generator.");
    const std::vector<real> x = generator(noise.normal({10, 2}), Mode::eval).to_host();
    for (size_t i = 0; i < x.size(); i += 2) std::printf("%g %g\n", double(x[i]), double(x[i + 1]));
  } catch (const std::exception& error) { return std::fprintf(stderr, "%s\n", error.what()), 1; }
}
