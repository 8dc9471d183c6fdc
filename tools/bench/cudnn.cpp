#include "cudnn.h"

#include <array>

namespace erg::tools {

namespace {

// Of cudnn_graph.h and cudnn_ops.h: cudnnDataType_t, cudnnTensorFormat_t, cudnnConvolutionMode_t, cudnnMathType_t,
// cudnnActivationMode_t, cudnnNanPropagation_t, cudnnConvolutionFwdAlgo_t.
constexpr int type_float = 0;
constexpr int format_nhwc = 1;
constexpr int cross_correlation = 1;
constexpr int tensor_op_math = 1, fma_math = 3;  // fp32 data on tensor cores are tf32; fused multiply-adds are fp32
constexpr int activation_relu = 1;
constexpr int not_propagate_nan = 0;
constexpr int implicit_precomp_gemm = 1;

/// What algorithms may use while the fastest is looked for.
constexpr int64_t search_bytes = 512 << 20;

Tensor workspace_of(int64_t bytes, Device device) {
  return Tensor::empty({(bytes + int64_t(sizeof(real)) - 1) / int64_t(sizeof(real))}, device);
}

}  // namespace

Cudnn::Cudnn(Device device) : device_(device), library_({"libcudnn.so.9"}) {
  const Stream stream = stream_of(device);  // makes it the current device, for which cuDNN makes its handle
  check(create_(&handle_), "cudnnCreate");
  check(set_stream_(handle_, stream.handle), "cudnnSetStream");
}

Cudnn::~Cudnn() {
  if (handle_) destroy_(handle_);
}

void Cudnn::check(int status, const char* call) const {
  if (status != 0) throw RulerError(std::string(call) + ": " + status_text_(status));
}

std::string Cudnn::description() const {
  const size_t version = get_version_();
  return "cuDNN " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100) + " (" + library_.name() + ")";
}

Cudnn::Descriptor Cudnn::make(Create* create, Destroy* destroy) const {
  void* descriptor = nullptr;
  check(create(&descriptor), "creating a descriptor");
  return {descriptor, destroy};
}

Cudnn::Descriptor Cudnn::images(int n, int h, int w, int c) const {
  Descriptor shape = make(create_tensor_, destroy_tensor_);
  check(set_tensor_(shape.get(), format_nhwc, type_float, n, c, h, w), "cudnnSetTensor4dDescriptor");
  return shape;
}

Cudnn::Problem Cudnn::describe(const kernels::ConvShape& s, Precision precision) const {
  Problem p{images(s.n, s.h, s.w, s.ci), make(create_filter_, destroy_filter_), images(s.n, s.oh(), s.ow(), s.co),
            make(create_convolution_, destroy_convolution_)};
  check(set_filter_(p.w.get(), type_float, format_nhwc, s.co, s.ci, s.kh, s.kw), "cudnnSetFilter4dDescriptor");
  check(set_convolution_(p.convolution.get(), s.pad, s.pad, s.stride, s.stride, 1, 1, cross_correlation, type_float),
        "cudnnSetConvolution2dDescriptor");
  check(set_math_type_(p.convolution.get(), precision == Precision::tf32 ? tensor_op_math : fma_math),
        "cudnnSetConvolutionMathType");
  return p;
}

Ruler Cudnn::convolution(const std::shared_ptr<Cudnn>& self, Convolution which, const kernels::ConvShape& s,
                         Precision precision, const real* first, const real* second, real* result) {
  const Problem p = self->describe(s, precision);
  // For each of the three: what its arguments are, how to find its fastest algorithm, and how to run that.
  struct Routine {
    const char* name;
    Find* find;
    Run* run;
    Descriptor first, second, result;
  };
  const Routine routine = which == Convolution::forward
                              ? Routine{"cudnnConvolutionForward", self->find_forward_, self->forward_, p.x, p.w, p.y}
                          : which == Convolution::dx
                              ? Routine{"cudnnConvolutionBackwardData", self->find_dx_, self->dx_, p.w, p.y, p.x}
                              : Routine{"cudnnConvolutionBackwardFilter", self->find_dw_, self->dw_, p.x, p.y, p.w};
  // cuDNN wants the weights before the gradient dy, our contract has them after it.
  if (which == Convolution::dx) std::swap(first, second);

  std::array<Found, 8> found{};
  int count = 0;
  {
    Tensor workspace = workspace_of(search_bytes, self->device_);
    self->check(routine.find(self->handle_, routine.first.get(), first, routine.second.get(), second,
                             p.convolution.get(), routine.result.get(), result, int(found.size()), &count, found.data(),
                             workspace.mutate(), size_t(search_bytes)),
                routine.name);
  }
  // They are sorted by time, those that cannot be used last.
  const Found best = found[0];
  if (count == 0 || best.status != 0) throw RulerError(std::string(routine.name) + ": no algorithm for NHWC in fp32");
  // Where tensor cores are allowed, the search has also tried without. Where they are not, it must stay so: what the
  // search reports as its default would allow them again.
  if (precision == Precision::tf32)
    self->check(self->set_math_type_(p.convolution.get(), best.math), "cudnnSetConvolutionMathType");
  Tensor workspace = workspace_of(int64_t(best.bytes), self->device_);
  return {"cuDNN", [=]() mutable {
            const float one = 1, zero = 0;
            self->check(routine.run(self->handle_, &one, routine.first.get(), first, routine.second.get(), second,
                                    p.convolution.get(), best.algorithm, workspace.mutate(), best.bytes, &zero,
                                    routine.result.get(), result),
                        routine.name);
          }};
}

Ruler Cudnn::conv2d_bias_relu(const std::shared_ptr<Cudnn>& self, const kernels::ConvShape& s, Precision precision,
                              const real* x, const real* w, const real* bias, real* y) {
  const Problem p = self->describe(s, precision);
  const Descriptor biases = self->images(1, 1, 1, s.co);
  const Descriptor relu = self->make(self->create_activation_, self->destroy_activation_);
  self->check(self->set_activation_(relu.get(), activation_relu, not_propagate_nan, 0), "cudnnSetActivationDescriptor");
  size_t bytes = 0;
  self->check(self->forward_workspace_(self->handle_, p.x.get(), p.w.get(), p.convolution.get(), p.y.get(),
                                       implicit_precomp_gemm, &bytes),
              "cudnnGetConvolutionForwardWorkspaceSize");
  Tensor workspace = workspace_of(int64_t(bytes), self->device_);
  return {"cuDNN", [=]() mutable {
            const float one = 1, zero = 0;  // y = relu(one * conv2d(x, w) + zero * y + bias)
            self->check(
                self->forward_bias_activation_(self->handle_, &one, p.x.get(), x, p.w.get(), w, p.convolution.get(),
                                               implicit_precomp_gemm, workspace.mutate(), bytes, &zero, p.y.get(), y,
                                               biases.get(), bias, relu.get(), p.y.get(), y),
                "cudnnConvolutionBiasActivationForward");
          }};
}

}  // namespace erg::tools
