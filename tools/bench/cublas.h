// cuBLAS as a ruler for gemm.
#pragma once

#include "../../engine/tensor.h"
#include "library.h"
#include "rulers.h"

namespace erg::tools {

class Cublas {
 public:
  /// Throws RulerError where there is no cuBLAS, or it does not start.
  explicit Cublas(Device device);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  /// "cuBLAS 13.1.0 (libcublas.so.13)"
  std::string description() const;
  static Ruler gemm(const std::shared_ptr<Cublas>& self, const kernels::GemmShape& s, Precision precision,
                    const real* a, const real* b, real* c);

 private:
  void check(int status, const char* call) const;

  Library library_;
  // As cublas_api.h declares them: a cublasStatus_t is an int and 0 for success, handles and streams are pointers.
  int (*const create_)(void** handle) = library_["cublasCreate_v2"];
  int (*const destroy_)(void* handle) = library_["cublasDestroy_v2"];
  int (*const get_version_)(void* handle, int* version) = library_["cublasGetVersion_v2"];
  const char* (*const status_text_)(int status) = library_["cublasGetStatusString"];
  int (*const set_stream_)(void* handle, void* stream) = library_["cublasSetStream_v2"];
  int (*const set_workspace_)(void* handle, void* workspace, size_t bytes) = library_["cublasSetWorkspace_v2"];
  int (*const set_math_mode_)(void* handle, int mode) = library_["cublasSetMathMode"];
  int (*const sgemm_)(void* handle, int transpose_a, int transpose_b, int m, int n, int k, const float* alpha,
                      const float* a, int lda, const float* b, int ldb, const float* beta, float* c,
                      int ldc) = library_["cublasSgemm_v2"];

  Tensor workspace_;
  void* handle_ = nullptr;
};

}  // namespace erg::tools
