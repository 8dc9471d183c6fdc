// What each operation refuses: std::invalid_argument, with the operation's name and the shapes that do not fit.
#include <gmock/gmock.h>

#include "engine/ops.h"

namespace erg::test {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

struct ErrorCase {
  const char* name;
  std::vector<const char*> message;  // parts it must contain
  std::function<void()> call;
};

Tensor t(std::initializer_list<int64_t> dims) { return Tensor::ones(Shape(dims)); }

const ErrorCase error_cases[] = {
    {"add",
     {"[add]", "[2,3]", "[4,3]"},
     [] {
       add(t({2, 3}), t({4, 3}));
     }},
    {"add_operator", {"[add]", "[2]", "[3]"}, [] { t({2}) + t({3}); }},
    {"sub",
     {"[sub]", "[2,3]", "[2]"},
     [] {
       sub(t({2, 3}), t({2}));
     }},
    {"mul",
     {"[mul]", "[2,1,3]", "[2,4]"},
     [] {
       mul(t({2, 1, 3}), t({2, 4}));
     }},
    {"div", {"[div]", "[5]", "[2]"}, [] { div(t({5}), t({2})); }},
    {"maximum", {"[maximum]", "[5]", "[2]"}, [] { maximum(t({5}), t({2})); }},
    {"minimum", {"[minimum]", "[5]", "[2]"}, [] { minimum(t({5}), t({2})); }},
    {"leaky_relu", {"[leaky_relu]", "positive"}, [] { leaky_relu(t({2}), 0); }},
    {"leaky_relu_of_nan",
     {"[leaky_relu]", "positive"},
     [] { leaky_relu(t({2}), std::numeric_limits<real>::quiet_NaN()); }},

    {"sum_to",
     {"[sum_to]", "[2,3]", "[2]"},
     [] {
       sum_to(t({2, 3}), {2});
     }},
    {"sum_to_higher_rank",
     {"[sum_to]", "[3]", "[1,3]"},
     [] {
       sum_to(t({3}), {1, 3});
     }},
    {"broadcast_to",
     {"[broadcast_to]", "[2,3]", "[4,3]"},
     [] {
       broadcast_to(t({2, 3}), {4, 3});
     }},
    {"broadcast_to_lower_rank",
     {"[broadcast_to]", "[1,3]", "[3]"},
     [] {
       broadcast_to(t({1, 3}), {3});
     }},
    {"mean_of_nothing",
     {"[mean]", "[0,3]"},
     [] {
       mean(t({0, 3}));
     }},
    {"sum_per_sample", {"[sum_per_sample]", "[]"}, [] { sum_per_sample(t({})); }},
    {"max_per_sample",
     {"[max_per_sample]", "[2,0]"},
     [] {
       max_per_sample(t({2, 0}));
     }},
    {"logsumexp_per_sample",
     {"[max_per_sample]", "[2,0]"},
     [] {
       logsumexp_per_sample(t({2, 0}));
     }},

    {"matmul",
     {"[matmul]", "[64,100]", "[128,10]", "inner sizes differ"},
     [] {
       matmul(t({64, 100}), t({128, 10}));
     }},
    {"matmul_transposed",
     {"[matmul]", "[3,4]^T", "[2,4]^T"},
     [] {
       matmul(t({3, 4}), t({2, 4}), true, true);
     }},
    {"matmul_of_vectors",
     {"[matmul]", "[3]", "[3,2]", "two dimensions"},
     [] {
       matmul(t({3}), t({3, 2}));
     }},

    {"conv2d_channels",
     {"[conv2d]", "[1,4,4,2]", "[3,3,3,1]", "channels"},
     [] {
       conv2d(t({1, 4, 4, 2}), t({3, 3, 3, 1}));
     }},
    {"conv2d_rank",
     {"[conv2d]", "[4,4,2]", "[3,3,2,1]"},
     [] {
       conv2d(t({4, 4, 2}), t({3, 3, 2, 1}));
     }},
    {"conv2d_large_kernel",
     {"[conv2d]", "[1,2,4,2]", "[5,3,2,1]", "larger"},
     [] {
       conv2d(t({1, 2, 4, 2}), t({5, 3, 2, 1}), 1, 1);
     }},
    {"conv2d_stride",
     {"[conv2d]", "stride 0"},
     [] {
       conv2d(t({1, 4, 4, 2}), t({3, 3, 2, 1}), 0);
     }},
    {"conv2d_pad",
     {"[conv2d]", "pad -1"},
     [] {
       conv2d(t({1, 4, 4, 2}), t({3, 3, 2, 1}), 1, -1);
     }},
    {"conv2d_empty_kernel",
     {"[conv2d]", "[0,3,2,1]"},
     [] {
       conv2d(t({1, 4, 4, 2}), t({0, 3, 2, 1}));
     }},
    {"conv2d_bias_shape",
     {"[conv2d_bias]", "[3,3,2,4]", "[3]", "[4]"},
     [] {
       conv2d_bias(t({1, 4, 4, 2}), t({3, 3, 2, 4}), t({3}), 1, 0);
     }},
    {"conv2d_bias_slope",
     {"[conv2d_bias]", "negative", "-0.5"},
     [] {
       conv2d_bias(t({1, 4, 4, 2}), t({3, 3, 2, 4}), t({4}), 1, 0, -0.5);
     }},
    {"conv2d_dx_extent",
     {"[conv2d_dx]", "[1,2,2,1]", "[1,3,3,1]"},
     [] {
       conv2d_dx(t({1, 2, 2, 1}), t({3, 3, 2, 1}), 1, 0, 5, 5);
     }},
    {"conv2d_dx_channels",
     {"[conv2d_dx]", "[1,3,3,4]", "[1,3,3,1]"},
     [] {
       conv2d_dx(t({1, 3, 3, 4}), t({3, 3, 2, 1}), 1, 0, 5, 5);
     }},
    {"conv2d_dx_negative",
     {"[conv2d_dx]", "[1,2,2,1]", "[3,3,2,1]"},
     [] {
       conv2d_dx(t({1, 2, 2, 1}), t({3, 3, 2, 1}), 1, 0, -1, 5);
     }},
    {"conv2d_dx_rank",
     {"[conv2d_dx]", "[2,2]", "[3,3,2,1]"},
     [] {
       conv2d_dx(t({2, 2}), t({3, 3, 2, 1}), 1, 0, 4, 4);
     }},
    {"conv2d_dw_extent",
     {"[conv2d_dw]", "[1,2,2,1]", "[1,3,3,1]"},
     [] {
       conv2d_dw(t({1, 5, 5, 2}), t({1, 2, 2, 1}), 1, 0, 3, 3);
     }},
    {"conv2d_dw_batch",
     {"[conv2d_dw]", "[2,3,3,1]", "[1,3,3,1]"},
     [] {
       conv2d_dw(t({1, 5, 5, 2}), t({2, 3, 3, 1}), 1, 0, 3, 3);
     }},
    {"conv2d_dw_negative",
     {"[conv2d_dw]", "[1,5,5,2]", "[1,3,3,1]"},
     [] {
       conv2d_dw(t({1, 5, 5, 2}), t({1, 3, 3, 1}), 1, 0, -3, 3);
     }},
    {"conv2d_dw_rank",
     {"[conv2d_dw]", "[5,5,2]", "[1,3,3,1]"},
     [] {
       conv2d_dw(t({5, 5, 2}), t({1, 3, 3, 1}), 1, 0, 3, 3);
     }},

    {"avg_pool",
     {"[avg_pool]", "[1,4,5,2]", "block 2"},
     [] {
       avg_pool(t({1, 4, 5, 2}), 2);
     }},
    {"avg_pool_rank",
     {"[avg_pool]", "[4,4]"},
     [] {
       avg_pool(t({4, 4}), 2);
     }},
    {"upsample_rank",
     {"[upsample]", "[4,4]"},
     [] {
       upsample(t({4, 4}), 2);
     }},
    {"upsample_block",
     {"[upsample]", "[1,4,4,1]", "block 0"},
     [] {
       upsample(t({1, 4, 4, 1}), 0);
     }},

    {"batch_norm",
     {"[batch_norm]", "[4,3]", "[2]", "[3]"},
     [] {
       batch_norm(t({4, 3}), t({2}), t({3}), 1);
     }},
    {"batch_norm_beta",
     {"[batch_norm]", "[4,3]", "[1,3]"},
     [] {
       batch_norm(t({4, 3}), t({3}), t({1, 3}), 1);
     }},
    {"batch_norm_rank", {"[batch_norm]", "[3]"}, [] { batch_norm(t({3}), t({3}), t({3}), 1); }},
    {"layer_norm", {"[layer_norm]", "[3]"}, [] { layer_norm(t({3}), 1); }},

    {"reshape",
     {"[reshape]", "[2,3]", "[4,2]"},
     [] {
       reshape(t({2, 3}), {4, 2});
     }},
    {"flatten", {"[flatten]", "[]"}, [] { flatten(t({})); }},
    {"concat",
     {"[concat]", "[2,3]", "[4,2]", "axis 0"},
     [] {
       concat({t({2, 3}), t({4, 2})}, 0);
     }},
    {"concat_rank",
     {"[concat]", "[2,3]", "[2]"},
     [] {
       concat({t({2, 3}), t({2})}, 0);
     }},
    {"concat_axis",
     {"[concat]", "[2,3]", "axis 2"},
     [] {
       concat({t({2, 3}), t({2, 3})}, 2);
     }},
    {"concat_of_nothing", {"[concat]"}, [] { concat({}, 0); }},
    {"slice",
     {"[slice]", "[2,3]", "[1,4)", "axis 1"},
     [] {
       slice(t({2, 3}), 1, 1, 4);
     }},
    {"slice_backwards",
     {"[slice]", "[2,3]", "[2,1)"},
     [] {
       slice(t({2, 3}), 1, 2, 1);
     }},
    {"slice_negative",
     {"[slice]", "[2,3]", "[-1,1)"},
     [] {
       slice(t({2, 3}), 1, -1, 1);
     }},
    {"slice_axis",
     {"[slice]", "[2,3]", "axis -1"},
     [] {
       slice(t({2, 3}), -1, 0, 1);
     }},
    {"place",
     {"[place]", "[2,3]", "extent 4"},
     [] {
       place(t({2, 3}), 1, 2, 4);
     }},
    {"place_negative",
     {"[place]", "[2,3]", "at -1"},
     [] {
       place(t({2, 3}), 1, -1, 4);
     }},
    {"pad",
     {"[pad]", "[2,3]"},
     [] {
       pad(t({2, 3}), 1);
     }},
    {"pad_negative",
     {"[pad]", "[1,2,2,1]", "margin -1"},
     [] {
       pad(t({1, 2, 2, 1}), -1);
     }},
    {"crop",
     {"[crop]", "[1,3,4,1]", "margin 2"},
     [] {
       crop(t({1, 3, 4, 1}), 2);
     }},
    {"permute_twice",
     {"[permute]", "[2,3]"},
     [] {
       permute(t({2, 3}), {0, 0});
     }},
    {"permute_count",
     {"[permute]", "[2,3]"},
     [] {
       permute(t({2, 3}), {0});
     }},
    {"permute_range",
     {"[permute]", "[2,3]"},
     [] {
       permute(t({2, 3}), {0, 2});
     }},

    {"shape_rank",
     {"[shape]", "[1,2,3,4]"},
     [] {
       Shape{1, 2, 3, 4, 5};
     }},
    {"shape_negative",
     {"[shape]", "-1"},
     [] {
       Shape{2, -1};
     }},
    {"shape_overflow",
     {"[empty]", "4294967296"},
     [] {
       Tensor::empty({int64_t(1) << 32, int64_t(1) << 32});
     }},
    {"from_host",
     {"[from_host]", "[2,2]", "4", "3"},
     [] {
       Tensor::from_host({2, 2}, std::vector<real>(3));
     }},
    {"item", {"[item]", "[2]"}, [] { t({2}).item(); }},
    {"copy_", {"[copy_]", "[2]", "[3]"}, [] { t({2}).copy_(t({3})); }},
};

void PrintTo(const ErrorCase& c, std::ostream* out) { *out << c.name; }

class Refuses : public testing::TestWithParam<ErrorCase> {};

TEST_P(Refuses, WithAClearMessage) {
  for (const char* part : GetParam().message)
    EXPECT_THAT(GetParam().call, ThrowsMessage<std::invalid_argument>(HasSubstr(part)));
}

INSTANTIATE_TEST_SUITE_P(Ops, Refuses, testing::ValuesIn(error_cases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace erg::test
