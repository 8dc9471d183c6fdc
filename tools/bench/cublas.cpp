#include "cublas.h"

namespace erg::tools {

namespace {

// Of cublas_api.h: cublasOperation_t, cublasMath_t.
constexpr int op_n = 0, op_t = 1;
constexpr int default_math = 0, tf32_math = 3;

/// What cuBLAS is advised to have on Hopper. Given to it beforehand, it need not ask for memory while a graph records.
constexpr int64_t workspace_bytes = 32 << 20;

}  // namespace

Cublas::Cublas(Device device)
    : library_({"libcublas.so.13", "libcublas.so.12"}),
      workspace_(Tensor::empty({workspace_bytes / int64_t(sizeof(real))}, device)) {
  check(create_(&handle_), "cublasCreate");
  check(set_stream_(handle_, stream_of(device).handle), "cublasSetStream");
  check(set_workspace_(handle_, workspace_.mutate(), size_t(workspace_bytes)), "cublasSetWorkspace");
}

Cublas::~Cublas() {
  if (handle_) destroy_(handle_);
}

void Cublas::check(int status, const char* call) const {
  if (status != 0) throw RulerError(std::string(call) + ": " + status_text_(status));
}

std::string Cublas::description() const {
  int version = 0;
  check(get_version_(handle_, &version), "cublasGetVersion");
  return "cuBLAS " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100) + " (" + library_.name() + ")";
}

Ruler Cublas::gemm(const std::shared_ptr<Cublas>& self, const kernels::GemmShape& s, Precision precision, const real* a,
                   const real* b, real* c) {
  // Row-major matrices are the transposes of cuBLAS's column-major ones: C' = op(B)' op(A)'.
  return {"cuBLAS", [=] {
            const float one = 1, zero = 0;
            const int m = int(s.m), n = int(s.n), k = int(s.k);
            self->check(self->set_math_mode_(self->handle_, precision == Precision::tf32 ? tf32_math : default_math),
                        "cublasSetMathMode");
            self->check(self->sgemm_(self->handle_, s.transpose_b ? op_t : op_n, s.transpose_a ? op_t : op_n, n, m, k,
                                     &one, b, s.transpose_b ? k : n, a, s.transpose_a ? m : k, &zero, c, n),
                        "cublasSgemm");
          }};
}

}  // namespace erg::tools
