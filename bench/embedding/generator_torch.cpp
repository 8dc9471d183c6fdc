// The sampler of tests/consumer/generator.cpp on libtorch, for `measure` to set beside it.
//
//   generator_torch --init FILE     writes a file of initial weights
//   generator_torch FILE            prints ten samples
#include <torch/torch.h>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  namespace nn = torch::nn;
  torch::manual_seed(1);
  nn::Sequential generator(nn::Linear(2, 128), nn::ReLU(), nn::Linear(128, 128), nn::ReLU(), nn::Linear(128, 128),
                           nn::ReLU(), nn::Linear(128, 2));
  if (argc == 3 && std::string(argv[1]) == "--init") return torch::save(generator, argv[2]), 0;
  if (argc != 2) return std::fprintf(stderr, "usage: %s [--init] FILE\n", argv[0]), 64;
  torch::load(generator, argv[1]);
  const torch::InferenceMode no_gradients;
  const torch::Tensor x = generator->forward(torch::randn({10, 2}));
  for (int i = 0; i < 10; ++i) std::printf("%g %g\n", x[i][0].item<double>(), x[i][1].item<double>());
}
