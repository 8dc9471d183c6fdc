#include "resnet.h"

#include <sstream>
#include <stdexcept>

#include "../../engine/io/elements.h"
#include "../../engine/io/error.h"
#include "../../engine/io/file.h"

namespace erg::tools {

namespace {

ConvOptions without_bias(int stride) {
  ConvOptions options;
  options.bias = false;
  options.stride = stride;
  options.pad = 1;
  return options;
}

/// Channel c goes to channel c + in/2 of out = 2 in.
Tensor option_a(int64_t in, int64_t out, Device device) {
  std::vector<real> weight(size_t(in * out), 0);
  for (int64_t c = 0; c < in; ++c) weight[size_t(c * out + c + (out - in) / 2)] = 1;
  return Tensor::from_host({1, 1, in, out}, weight, device);
}

}  // namespace

NormedConv::NormedConv(int64_t in, int64_t out, int stride, Noise& noise)
    : conv(in, out, 3, noise, without_bias(stride)), norm(out, noise) {}

Tensor NormedConv::operator()(const Tensor& x) const {
  // gamma (w*x - mean) / sqrt(var + epsilon) + beta, as one convolution
  const Tensor scale = norm.gamma * reciprocal(sqrt(norm.running_var + norm.epsilon));
  return conv2d_bias(x, conv.weight * scale, norm.beta - norm.running_mean * scale, conv.stride, conv.pad);
}

void NormedConv::visit(Visitor& v, const std::string& number) {
  v.sub("conv" + number, conv);
  v.sub("bn" + number, norm);
}

ResidualBlock::ResidualBlock(int64_t in, int64_t out, Noise& noise)
    : first(in, out, in == out ? 1 : 2, noise), second(out, out, 1, noise) {
  if (in != out) shortcut = option_a(in, out, noise.device());
}

Tensor ResidualBlock::operator()(const Tensor& x) const {
  return relu(second(relu(first(x))) + (shortcut ? conv2d(x, shortcut, 2) : x));
}

void ResidualBlock::visit(Visitor& v) {
  first.visit(v, "1");
  second.visit(v, "2");
}

ResNet::ResNet(int depth, Noise& noise)
    : stem_(3, 16, 1, noise),
      linear_(64, 10, noise),
      mean_(Tensor::from_host({3}, std::vector<real>{real(0.485), real(0.456), real(0.406)}, noise.device())),
      deviation_(Tensor::from_host({3}, std::vector<real>{real(0.229), real(0.224), real(0.225)}, noise.device())) {
  if (depth < 8 || (depth - 2) % 6)
    throw std::invalid_argument("[resnet] wants a depth of 6 n + 2, got " + std::to_string(depth));
  for (int64_t out : {16, 32, 64}) {
    std::vector<ResidualBlock> stage;
    for (int i = 0; i < (depth - 2) / 6; ++i) stage.emplace_back(i == 0 && out > 16 ? out / 2 : out, out, noise);
    stages_.push_back(std::move(stage));
  }
}

Outputs ResNet::operator()(const Tensor& images) {
  if (images.rank() != 4 || images.dim(1) != 32 || images.dim(2) != 32 || images.dim(3) != 3)
    throw std::invalid_argument("[resnet] wants images [B,32,32,3], got " + to_string(images.shape()));
  Tensor x = relu(stem_((images * real(0.5) + real(0.5) - mean_) / deviation_));
  for (const auto& stage : stages_)
    for (const ResidualBlock& block : stage) x = block(x);
  const Tensor features = flatten(avg_pool(x, 8));
  return {.features = features, .logits = linear_(features, Mode::eval)};
}

void ResNet::visit(Visitor& v) {
  stem_.visit(v, "1");
  for (size_t s = 0; s < stages_.size(); ++s)
    for (size_t i = 0; i < stages_[s].size(); ++i)
      v.sub("layer" + std::to_string(s + 1) + "." + std::to_string(i), stages_[s][i]);
  v.sub("linear", linear_);
}

// ---- Weights

namespace {

namespace fs = std::filesystem;

/// "16,3,3,3". Throws std::exception for anything else.
Shape parse_shape(const std::string& text) {
  Shape shape;
  std::istringstream extents(text);
  for (std::string extent; std::getline(extents, extent, ',');) {
    size_t length = 0;
    shape.push_back(std::stoll(extent, &length));
    if (length < extent.size()) throw std::invalid_argument(extent);
  }
  return shape;
}

io::StateDict parse_packed(const std::string& bytes, const std::string& index, const fs::path& index_file) {
  io::StateDict dict;
  dict.source = index_file;
  std::istringstream lines(index);
  std::string line;
  std::getline(lines, line);  // the header
  while (std::getline(lines, line)) {
    const auto broken = [&](const std::string& why) {
      return io::DataError(index_file, "line " + io::cite(line) + ": expected name, shape, offset and count, " + why);
    };
    std::istringstream fields(line);
    std::string name, shape_text;
    size_t offset = 0, count = 0;
    if (!(fields >> name >> shape_text >> offset >> count)) throw broken("got something else");
    Shape shape;
    try {
      shape = parse_shape(shape_text);
    } catch (const std::exception&) { throw broken("the shape is none"); }
    const size_t held = bytes.size() / sizeof(float);
    const auto size = io::packed_bytes({shape.begin(), shape.end()}, 1);
    if (!size || size_t(*size) != count || offset > held || count > held - offset)
      throw broken("got a tensor that the " + std::to_string(held) + " numbers do not hold");
    Tensor tensor = Tensor::empty(shape);
    io::element::f32.to_real(bytes.data() + offset * sizeof(float), tensor.size(), tensor.mutate());
    dict.tensors[name] = tensor;
  }
  return dict;
}

}  // namespace

io::StateDict read_resnet(const fs::path& folder, const std::string& name) {
  const fs::path stem = folder / "cifar10-resnet" / name;
  const auto file = [&](const char* extension) { return fs::path(stem.string() + extension); };
  std::error_code error;
  if (fs::exists(file(".safetensors"), error)) return io::read_safetensors(file(".safetensors"));
  if (!fs::exists(file(".f32"), error))
    throw io::MissingError(stem, "expected " + name + ".safetensors or " + name +
                                     ".f32 with .index.tsv, the weights of akamaster/pytorch_resnet_cifar10 under "
                                     "their names; convert them there, or choose --metrics without features");
  return parse_packed(io::read_file(file(".f32")), io::read_file(file(".index.tsv")), file(".index.tsv"));
}

}  // namespace erg::tools
