#include "ladder.h"

namespace erg::ladder {

namespace {

int64_t nothing(const ConvShape&) { return 0; }
int64_t nothing(int64_t) { return 0; }
[[maybe_unused]] int64_t as_many(int64_t n) { return n; }

/// The last rung of both devices: the stream says which kernel runs.
void conv_library(const Stream& stream, const ConvShape& s, const real* x, const real* w, real* workspace, real* y) {
  kernels::conv2d(stream, s, x, w, workspace, y);
}
void langevin_library(const Stream& stream, const LangevinUpdate& s, const NoiseKey& key, int64_t n, const real* g,
                      real*, real* x) {
  kernels::langevin_(stream, s, key, n, g, x);
}

}  // namespace

std::vector<ConvRung> conv_rungs(Device::Kind device) {
  if (device == Device::Kind::cpu)
    return {{"conv_1_formula", "seven loops", conv_1_formula, nothing},
            {"conv_2_channels", "channels innermost", conv_2_channels, nothing},
            {"conv_3_registers", "register tile", conv_3_registers, conv_3_registers_workspace},
            {"conv_4_packed", "packed, padded", conv_4_packed, conv_4_packed_workspace},
            {"conv2d", "the library's", conv_library, [](const ConvShape& s) { return conv2d_workspace({}, s); }}};
  if constexpr (has_cuda)
    return {{"conv_cuda_1_element", "a thread an element", conv_cuda_1_element, nothing},
            {"conv_cuda_2_shared", "shared memory", conv_cuda_2_shared, nothing},
            {"conv_cuda_3_registers", "register tile", conv_cuda_3_registers, nothing},
            {"conv_cuda_4_stages", "cp.async in stages", conv_cuda_4_stages, nothing},
            {"conv2d", "the library's: tensor cores", conv_library,
             [](const ConvShape& s) { return conv2d_workspace({Device::Kind::cuda}, s); }, true}};
  return {};
}

std::vector<LangevinRung> langevin_rungs(Device::Kind device) {
  if (device == Device::Kind::cpu)
    return {{"langevin_1_std", "std::normal_distribution", langevin_1_std, nothing, true},
            {"langevin_2_counter", "Philox, an element", langevin_2_counter, nothing},
            {"langevin_3_block", "four normals a block", langevin_3_block, nothing},
            {"langevin_4_vectors", "branch-free loops", langevin_4_vectors, nothing},
            {"langevin_5_products", "words in 64-bit lanes", langevin_5_products, nothing},
            {"langevin_", "the library's", langevin_library, nothing}};
  if constexpr (has_cuda)
    return {{"langevin_cuda_1_passes", "three kernels", langevin_cuda_1_passes, as_many},
            {"langevin_cuda_2_fused", "one kernel", langevin_cuda_2_fused, nothing},
            {"langevin_cuda_3_fours", "four elements a thread", langevin_cuda_3_fours, nothing},
            {"langevin_", "the library's", langevin_library, nothing}};
  return {};
}

bool cpu_has_rungs_instructions() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

}  // namespace erg::ladder
