// OpenBLAS as a ruler for gemm on the CPU.
#pragma once

#include "library.h"
#include "rulers.h"

namespace erg::tools {

class OpenBlas {
 public:
  /// Throws RulerError where there is no OpenBLAS, or one whose own threads would disturb those that are measured.
  explicit OpenBlas(Device);

  /// "OpenBLAS 0.3.21 ... (libopenblas.so.0)"
  std::string description() const { return std::string(get_config_()) + " (" + library_.name() + ")"; }
  static Ruler gemm(const std::shared_ptr<OpenBlas>& self, const kernels::GemmShape& s, const real* a, const real* b,
                    real* c);

 private:
  Library library_{{"libopenblas.so.0"}};
  // As cblas.h declares them: enumerations are ints.
  int (*const get_parallel_)() = library_["openblas_get_parallel"];
  char* (*const get_config_)() = library_["openblas_get_config"];
  void (*const set_threads_)(int threads) = library_["openblas_set_num_threads"];
  void (*const sgemm_)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a,
                       int lda, const float* b, int ldb, float beta, float* c, int ldc) = library_["cblas_sgemm"];
};

}  // namespace erg::tools
