// oneDNN as a ruler for products and batch norm on the CPU: activations NHWC, weights in whatever layout it likes best.
#pragma once

#include <initializer_list>

#include "../../kernels/norm.h"
#include "library.h"
#include "rulers.h"

namespace erg::tools {

class OneDnn {
 public:
  /// Throws RulerError where there is no oneDNN 3, or it does not start.
  explicit OneDnn(Device device);

  /// "oneDNN 3.2.0 (libdnnl.so.3)"
  std::string description() const;
  static Ruler gemm(const std::shared_ptr<OneDnn>& self, const kernels::GemmShape& s, const real* a, const real* b,
                    real* c);
  /// Activations are those of the kernel; weights, and their gradient, are oneDNN's own in the layout it likes best.
  static Ruler convolution(const std::shared_ptr<OneDnn>& self, Convolution which, const kernels::ConvShape& s,
                           const real* first, const real* second, real* result);
  /// Batch norm with ReLU, the only unit that oneDNN fuses: forward where g is null, else backward, which reads the
  /// mask that a forward pass has stored before.
  static Ruler batch_norm(const std::shared_ptr<OneDnn>& self, const kernels::NormShape& s, int64_t images,
                          const real* g, const real* x, real* result);

 private:
  using Handle = std::shared_ptr<void>;
  using Destroy = int(void* handle);
  /// One argument of a primitive: which, and its memory.
  struct Argument {
    int index;
    void* memory;
  };
  /// A primitive with its arguments, ready to run.
  struct Work {
    Handle primitive;
    std::vector<Handle> memories;
    std::vector<Argument> arguments;
  };

  void check(int status, const char* call) const;
  /// What create(&handle) makes.
  template <class Create>
  Handle make(Destroy* destroy, const char* call, const Create& create) const;
  Handle describe(std::initializer_list<int64_t> dims, std::initializer_list<int64_t> strides) const;
  Handle describe_any(std::initializer_list<int64_t> dims) const;
  Handle images(int64_t n, int64_t h, int64_t w, int64_t c) const;
  /// The layout in which a primitive wants or leaves something.
  const void* layout(const Handle& description, int query) const;
  /// Gives `work` an argument: `data`, or memory of its own full of `value` where that is null.
  void bind(Work& work, const void* layout, int index, const real* data = nullptr, real value = 0) const;
  static Ruler ready(const std::shared_ptr<OneDnn>& self, Work work);
  Work prepare(const Handle& description) const;

  Library library_{{"libdnnl.so.3"}};
  // As dnnl.h declares them: a dnnl_status_t is an int and 0 for success, so are the other enumerations; handles are
  // pointers, dnnl_dims_t are arrays.
  struct Version {
    int major, minor, patch;
  };
  const Version* (*const version_)() = library_["dnnl_version"];
  int (*const create_engine_)(void** engine, int kind, size_t index) = library_["dnnl_engine_create"];
  Destroy* const destroy_engine_ = library_["dnnl_engine_destroy"];
  int (*const create_stream_)(void** stream, void* engine, unsigned flags) = library_["dnnl_stream_create"];
  Destroy* const destroy_stream_ = library_["dnnl_stream_destroy"];
  int (*const create_memory_desc_)(void** desc, int rank, const int64_t* dims, int type,
                                   const int64_t* strides) = library_["dnnl_memory_desc_create_with_strides"];
  int (*const create_memory_desc_any_)(void** desc, int rank, const int64_t* dims, int type,
                                       int tag) = library_["dnnl_memory_desc_create_with_tag"];
  size_t (*const size_of_)(const void* desc) = library_["dnnl_memory_desc_get_size"];
  Destroy* const destroy_memory_desc_ = library_["dnnl_memory_desc_destroy"];
  int (*const create_memory_)(void** memory, const void* desc, void* engine,
                              void* data) = library_["dnnl_memory_create"];
  Destroy* const destroy_memory_ = library_["dnnl_memory_destroy"];
  int (*const create_forward_)(void** desc, void* engine, int propagation, int algorithm, const void* x, const void* w,
                               const void* bias, const void* y, const int64_t* strides, const int64_t* dilations,
                               const int64_t* pad_left, const int64_t* pad_right,
                               const void* attributes) = library_["dnnl_convolution_forward_primitive_desc_create"];
  int (*const create_dx_)(void** desc, void* engine, int algorithm, const void* dx, const void* w, const void* dy,
                          const int64_t* strides, const int64_t* dilations, const int64_t* pad_left,
                          const int64_t* pad_right, const void* forward,
                          const void* attributes) = library_["dnnl_convolution_backward_data_primitive_desc_create"];
  int (*const create_dw_)(void** desc, void* engine, int algorithm, const void* x, const void* dw, const void* dbias,
                          const void* dy, const int64_t* strides, const int64_t* dilations, const int64_t* pad_left,
                          const int64_t* pad_right, const void* forward,
                          const void* attributes) = library_["dnnl_convolution_backward_weights_primitive_desc_create"];
  int (*const create_norm_)(void** desc, void* engine, int propagation, const void* x, const void* y, float epsilon,
                            unsigned flags, const void* attributes) =
      library_["dnnl_batch_normalization_forward_primitive_desc_create"];
  int (*const create_norm_backward_)(void** desc, void* engine, int propagation, const void* dx, const void* dy,
                                     const void* x, float epsilon, unsigned flags, const void* forward,
                                     const void* attributes) =
      library_["dnnl_batch_normalization_backward_primitive_desc_create"];
  Destroy* const destroy_primitive_desc_ = library_["dnnl_primitive_desc_destroy"];
  const void* (*const query_)(const void* desc, int what, int index) = library_["dnnl_primitive_desc_query_md"];
  int (*const create_primitive_)(void** primitive, const void* desc) = library_["dnnl_primitive_create"];
  Destroy* const destroy_primitive_ = library_["dnnl_primitive_destroy"];
  int (*const execute_)(const void* primitive, void* stream, int count,
                        const Argument* arguments) = library_["dnnl_primitive_execute"];
  int (*const wait_)(void* stream) = library_["dnnl_stream_wait"];
  int (*const sgemm_)(char transpose_a, char transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                      int64_t lda, const float* b, int64_t ldb, float beta, float* c,
                      int64_t ldc) = library_["dnnl_sgemm"];

  Handle engine_, stream_;
};

}  // namespace erg::tools
