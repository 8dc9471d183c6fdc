#include "onednn.h"

namespace erg::tools {

namespace {

// Of dnnl_types.h and dnnl_common_types.h.
constexpr int cpu_engine = 1, f32 = 3, any_layout = 1, training = 64, backward_all = 128, direct = 1;
constexpr unsigned in_order = 1, scale_and_shift = 2 | 4, with_relu = 8;
constexpr int src_md = 129, diff_src_md = 130, weights_md = 131, diff_weights_md = 132, dst_md = 133, diff_dst_md = 134,
              workspace_md = 135;
constexpr int src = 1, dst = 17, weights = 33, mean = 49, variance = 50, scale = 51, shift = 52, workspace = 64,
              diff_src = 129, diff_dst = 145, diff_weights = 161, diff_scale = 255, diff_shift = 256;

}  // namespace

OneDnn::OneDnn(Device) {
  engine_ =
      make(destroy_engine_, "dnnl_engine_create", [&](void** engine) { return create_engine_(engine, cpu_engine, 0); });
  stream_ = make(destroy_stream_, "dnnl_stream_create",
                 [&](void** stream) { return create_stream_(stream, engine_.get(), in_order); });
}

std::string OneDnn::description() const {
  const Version& v = *version_();
  return "oneDNN " + std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.patch) + " (" +
         library_.name() + ")";
}

void OneDnn::check(int status, const char* call) const {
  if (status != 0) throw RulerError(std::string(call) + " of oneDNN returned " + std::to_string(status));
}

template <class Create>
OneDnn::Handle OneDnn::make(Destroy* destroy, const char* call, const Create& create) const {
  void* handle = nullptr;
  check(create(&handle), call);
  return {handle, destroy};
}

OneDnn::Handle OneDnn::describe(std::initializer_list<int64_t> dims, std::initializer_list<int64_t> strides) const {
  return make(destroy_memory_desc_, "dnnl_memory_desc_create_with_strides", [&](void** desc) {
    return create_memory_desc_(desc, int(dims.size()), dims.begin(), f32, strides.begin());
  });
}

OneDnn::Handle OneDnn::describe_any(std::initializer_list<int64_t> dims) const {
  return make(destroy_memory_desc_, "dnnl_memory_desc_create_with_tag", [&](void** desc) {
    return create_memory_desc_any_(desc, int(dims.size()), dims.begin(), f32, any_layout);
  });
}

/// oneDNN counts dimensions as NCHW; the strides say NHWC.
OneDnn::Handle OneDnn::images(int64_t n, int64_t h, int64_t w, int64_t c) const {
  return describe({n, c, h, w}, {h * w * c, 1, w * c, c});
}

OneDnn::Work OneDnn::prepare(const Handle& description) const {
  return {make(destroy_primitive_, "dnnl_primitive_create",
               [&](void** primitive) { return create_primitive_(primitive, description.get()); }),
          {},
          {}};
}

void OneDnn::bind(Work& work, const void* layout, int index, const real* data, real value) const {
  if (!data) {
    const auto own = std::make_shared<std::vector<real>>(size_of_(layout) / sizeof(real), value);
    work.memories.push_back(own);
    data = own->data();
  }
  work.memories.push_back(make(destroy_memory_, "dnnl_memory_create", [&](void** memory) {
    return create_memory_(memory, layout, engine_.get(), const_cast<real*>(data));
  }));
  work.arguments.push_back({index, work.memories.back().get()});
}

const void* OneDnn::layout(const Handle& description, int query) const { return query_(description.get(), query, 0); }

Ruler OneDnn::ready(const std::shared_ptr<OneDnn>& self, Work work) {
  return {"oneDNN", [self, work = std::move(work)] {
            self->check(self->execute_(work.primitive.get(), self->stream_.get(), int(work.arguments.size()),
                                       work.arguments.data()),
                        "dnnl_primitive_execute");
            self->check(self->wait_(self->stream_.get()), "dnnl_stream_wait");
          }};
}

Ruler OneDnn::gemm(const std::shared_ptr<OneDnn>& self, const kernels::GemmShape& s, const real* a, const real* b,
                   real* c) {
  return {"oneDNN", [=] {
            self->check(self->sgemm_(s.transpose_a ? 'T' : 'N', s.transpose_b ? 'T' : 'N', s.m, s.n, s.k, 1, a,
                                     s.transpose_a ? s.m : s.k, b, s.transpose_b ? s.k : s.n, 0, c, s.n),
                        "dnnl_sgemm");
          }};
}

Ruler OneDnn::convolution(const std::shared_ptr<OneDnn>& self, Convolution which, const kernels::ConvShape& s,
                          const real* first, const real* second, real* result) {
  const OneDnn& d = *self;
  const Handle x = d.images(s.n, s.h, s.w, s.ci), y = d.images(s.n, s.oh(), s.ow(), s.co),
               w = d.describe_any({s.co, s.ci, s.kh, s.kw});
  // What the last window leaves over at the far edges is no padding.
  const auto far = [&](int size, int out, int window) { return (out - 1) * s.stride + window - size - s.pad; };
  const int64_t strides[2] = {s.stride, s.stride}, dilations[2] = {0, 0}, near[2] = {s.pad, s.pad},
                rest[2] = {far(s.h, s.oh(), s.kh), far(s.w, s.ow(), s.kw)};
  const Handle forward = d.make(d.destroy_primitive_desc_, "a forward convolution", [&](void** desc) {
    return d.create_forward_(desc, d.engine_.get(), training, direct, x.get(), w.get(), nullptr, y.get(), strides,
                             dilations, near, rest, nullptr);
  });
  if (which == Convolution::forward) {
    Work work = d.prepare(forward);
    d.bind(work, d.layout(forward, src_md), src, first);
    d.bind(work, d.layout(forward, weights_md), weights);
    d.bind(work, d.layout(forward, dst_md), dst, result);
    return ready(self, std::move(work));
  }
  const bool is_dx = which == Convolution::dx;
  const Handle backward = d.make(d.destroy_primitive_desc_, "a backward convolution", [&](void** desc) {
    return is_dx ? d.create_dx_(desc, d.engine_.get(), direct, x.get(), w.get(), y.get(), strides, dilations, near,
                                rest, forward.get(), nullptr)
                 : d.create_dw_(desc, d.engine_.get(), direct, x.get(), w.get(), nullptr, y.get(), strides, dilations,
                                near, rest, forward.get(), nullptr);
  });
  Work work = d.prepare(backward);
  d.bind(work, d.layout(backward, diff_dst_md), diff_dst, is_dx ? first : second);
  if (is_dx) {
    d.bind(work, d.layout(backward, weights_md), weights);
    d.bind(work, d.layout(backward, diff_src_md), diff_src, result);
  } else {
    d.bind(work, d.layout(backward, src_md), src, first);
    d.bind(work, d.layout(backward, diff_weights_md), diff_weights);
  }
  return ready(self, std::move(work));
}

Ruler OneDnn::batch_norm(const std::shared_ptr<OneDnn>& self, const kernels::NormShape& s, int64_t images,
                         const real* g, const real* x, real* result) {
  const OneDnn& d = *self;
  const Handle rows = d.images(images, s.rows / images, 1, s.channels);
  const unsigned flags = scale_and_shift | with_relu;
  const Handle forward = d.make(d.destroy_primitive_desc_, "a batch norm", [&](void** desc) {
    return d.create_norm_(desc, d.engine_.get(), training, rows.get(), rows.get(), float(s.epsilon), flags, nullptr);
  });
  Work first = d.prepare(forward);
  d.bind(first, d.layout(forward, src_md), src, x);
  d.bind(first, d.layout(forward, dst_md), dst, result);
  d.bind(first, d.layout(forward, workspace_md), workspace);
  void* const mask = first.arguments.back().memory;
  const Handle numbers = d.describe({s.channels}, {1});
  for (const int index : {mean, variance, shift}) d.bind(first, numbers.get(), index);
  d.bind(first, numbers.get(), scale, nullptr, 1);
  Ruler ruler = ready(self, first);
  if (!g) return ruler;
  ruler.launch();

  const Handle description = d.make(d.destroy_primitive_desc_, "a batch norm backward", [&](void** desc) {
    return d.create_norm_backward_(desc, d.engine_.get(), backward_all, rows.get(), rows.get(), rows.get(),
                                   float(s.epsilon), flags, forward.get(), nullptr);
  });
  Work work = d.prepare(description);
  work.memories = first.memories;
  work.arguments.push_back({workspace, mask});
  d.bind(work, d.layout(description, src_md), src, x);
  d.bind(work, d.layout(description, diff_dst_md), diff_dst, g);
  d.bind(work, d.layout(description, diff_src_md), diff_src, result);
  for (const int index : {mean, diff_scale, diff_shift}) d.bind(work, numbers.get(), index);
  for (const int index : {variance, scale}) d.bind(work, numbers.get(), index, nullptr, 1);
  return ready(self, std::move(work));
}

}  // namespace erg::tools
