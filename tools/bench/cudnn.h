// cuDNN as a ruler for convolutions: NHWC, its fastest algorithm as it finds out itself.
#pragma once

#include "../../engine/tensor.h"
#include "library.h"
#include "rulers.h"

namespace erg::tools {

class Cudnn {
 public:
  /// Throws RulerError where there is no cuDNN, or it does not start.
  explicit Cudnn(Device device);
  ~Cudnn();
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;

  /// "cuDNN 9.19.0 (libcudnn.so.9)"
  std::string description() const;
  static Ruler convolution(const std::shared_ptr<Cudnn>& self, Convolution which, const kernels::ConvShape& s,
                           Precision precision, const real* first, const real* second, real* result);
  static Ruler conv2d_bias_relu(const std::shared_ptr<Cudnn>& self, const kernels::ConvShape& s, Precision precision,
                                const real* x, const real* w, const real* bias, real* y);

 private:
  /// cudnnConvolutionFwdAlgoPerf_t and its two siblings, which are alike.
  struct Found {
    int algorithm, status;
    float milliseconds;
    size_t bytes;
    int deterministic, math, reserved[3];
  };
  using Descriptor = std::shared_ptr<void>;
  /// What a convolution's calls have in common.
  struct Problem {
    Descriptor x, w, y, convolution;
  };
  using Create = int(void** descriptor);
  using Destroy = int(void* descriptor);
  using Find = int(void* handle, void* first_shape, const void* first, void* second_shape, const void* second,
                   void* convolution, void* result_shape, void* result, int most, int* count, Found* found,
                   void* workspace, size_t bytes);
  using Run = int(void* handle, const void* alpha, void* first_shape, const void* first, void* second_shape,
                  const void* second, void* convolution, int algorithm, void* workspace, size_t bytes, const void* beta,
                  void* result_shape, void* result);

  void check(int status, const char* call) const;
  Descriptor make(Create* create, Destroy* destroy) const;
  Descriptor images(int n, int h, int w, int c) const;
  Problem describe(const kernels::ConvShape& s, Precision precision) const;

  Device device_;
  Library library_;
  // As cudnn_graph.h, cudnn_ops.h and cudnn_cnn.h declare them: a cudnnStatus_t is an int and 0 for success, so are the
  // other enumerations; handles, streams and descriptors are pointers.
  size_t (*const get_version_)() = library_["cudnnGetVersion"];
  const char* (*const status_text_)(int status) = library_["cudnnGetErrorString"];
  Create* const create_ = library_["cudnnCreate"];
  Destroy* const destroy_ = library_["cudnnDestroy"];
  int (*const set_stream_)(void* handle, void* stream) = library_["cudnnSetStream"];
  Create* const create_tensor_ = library_["cudnnCreateTensorDescriptor"];
  Destroy* const destroy_tensor_ = library_["cudnnDestroyTensorDescriptor"];
  int (*const set_tensor_)(void* tensor, int format, int type, int n, int c, int h,
                           int w) = library_["cudnnSetTensor4dDescriptor"];
  Create* const create_filter_ = library_["cudnnCreateFilterDescriptor"];
  Destroy* const destroy_filter_ = library_["cudnnDestroyFilterDescriptor"];
  int (*const set_filter_)(void* filter, int type, int format, int k, int c, int h,
                           int w) = library_["cudnnSetFilter4dDescriptor"];
  Create* const create_activation_ = library_["cudnnCreateActivationDescriptor"];
  Destroy* const destroy_activation_ = library_["cudnnDestroyActivationDescriptor"];
  int (*const set_activation_)(void* activation, int mode, int nan_propagation,
                               double coefficient) = library_["cudnnSetActivationDescriptor"];
  Create* const create_convolution_ = library_["cudnnCreateConvolutionDescriptor"];
  Destroy* const destroy_convolution_ = library_["cudnnDestroyConvolutionDescriptor"];
  int (*const set_convolution_)(void* convolution, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h,
                                int dilation_w, int mode, int type) = library_["cudnnSetConvolution2dDescriptor"];
  int (*const set_math_type_)(void* convolution, int math) = library_["cudnnSetConvolutionMathType"];
  Find* const find_forward_ = library_["cudnnFindConvolutionForwardAlgorithmEx"];
  Find* const find_dx_ = library_["cudnnFindConvolutionBackwardDataAlgorithmEx"];
  Find* const find_dw_ = library_["cudnnFindConvolutionBackwardFilterAlgorithmEx"];
  Run* const forward_ = library_["cudnnConvolutionForward"];
  Run* const dx_ = library_["cudnnConvolutionBackwardData"];
  Run* const dw_ = library_["cudnnConvolutionBackwardFilter"];
  int (*const forward_workspace_)(void* handle, void* x, void* w, void* convolution, void* y, int algorithm,
                                  size_t* bytes) = library_["cudnnGetConvolutionForwardWorkspaceSize"];
  int (*const forward_bias_activation_)(void* handle, const void* alpha1, void* x_shape, const void* x, void* w_shape,
                                        const void* w, void* convolution, int algorithm, void* workspace, size_t bytes,
                                        const void* alpha2, void* z_shape, const void* z, void* bias_shape,
                                        const void* bias, void* activation, void* y_shape,
                                        void* y) = library_["cudnnConvolutionBiasActivationForward"];

  void* handle_ = nullptr;
};

}  // namespace erg::tools
