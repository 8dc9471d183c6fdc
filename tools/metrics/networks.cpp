#include "networks.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <stdexcept>

#include "../../engine/io/checkpoint.h"
#include "../../engine/io/error.h"
#include "../../engine/ops.h"
#include "../progress.h"
#include "digit_net.h"
#include "resnet.h"

namespace erg::tools {

namespace fs = std::filesystem;

Tensor pixels(const io::ImageSet& set, std::span<const int64_t> which) {
  const int64_t size = int64_t(set.height) * set.width * set.channels;
  std::vector<real> values;
  values.reserve(which.size() * size_t(size));
  for (int64_t i : which)
    for (int64_t p = 0; p < size; ++p) values.push_back(real(set.pixels[size_t(i * size + p)]) / real(127.5) - 1);
  return Tensor::from_host({int64_t(which.size()), set.height, set.width, set.channels}, values);
}

// ---- Outputs

namespace {

void check_pixels(const Tensor& images) {
  for (const real p : images.to_host()) {
    if (!std::isfinite(p)) throw std::invalid_argument("the samples hold values that are not finite");
    if (std::abs(p) > real(1.5))
      throw std::invalid_argument("the samples hold " + std::to_string(p) +
                                  "; images have pixels in [-1,1], so divide bytes by 127.5 and subtract 1");
  }
}

/// Rows gathered on the host.
struct Rows {
  std::vector<real> values;
  int64_t width = 0;

  void append(const Tensor& x) {
    const std::vector<real> more = x.to_host();
    values.insert(values.end(), more.begin(), more.end());
    width = x.dim(1);
  }
  Tensor tensor() const {
    return Tensor::from_host({int64_t(values.size()) / std::max<int64_t>(1, width), width}, values);
  }
};

}  // namespace

Outputs outputs(const Network& network, int64_t count, const std::function<Tensor(int64_t)>& next) {
  Rows features, logits;
  constexpr int64_t at_once = 250;
  for (int64_t done = 0, batch; done < count; done += batch) {
    batch = std::min<int64_t>(count - done, 1000);
    const Tensor images = next(batch);
    check_pixels(images);
    for (int64_t first = 0; first < images.dim(0); first += at_once) {
      const Tensor some = slice(images, 0, first, std::min(images.dim(0), first + at_once));
      const Outputs of_some = network.apply(some.to(network.device));
      features.append(of_some.features);
      logits.append(of_some.logits);
    }
  }
  return {features.tensor(), logits.tensor()};
}

Outputs outputs(const Network& network, const io::ImageSet& set) {
  std::vector<int64_t> all(size_t(set.count));
  std::iota(all.begin(), all.end(), int64_t(0));
  int64_t done = 0;
  return outputs(network, set.count, [&](int64_t batch) {
    done += batch;
    return pixels(set, std::span(all).subspan(size_t(done - batch), size_t(batch)));
  });
}

// ---- The cache

namespace {

fs::path default_folder() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return fs::path(xdg) / "erg";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache" / "erg";
  return fs::path(".cache") / "erg";
}

/// FNV-1a of the values, in order of name: 16 hexadecimal digits.
std::string fingerprint_of(const io::StateDict& dict) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const auto& [name, tensor] : dict.tensors)
    for (const real value : tensor.to_host())
      for (const auto byte : std::as_bytes(std::span(&value, 1))) hash = (hash ^ uint64_t(byte)) * 0x100000001b3u;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace

Cache::Cache(const std::string& folder, bool quiet)
    : folder_(folder.empty() ? default_folder() : fs::path(folder)), quiet_(quiet) {}

io::StateDict Cache::get(const std::string& name, const std::string& what,
                         const std::function<io::StateDict()>& make) const {
  std::error_code error;
  if (!fs::exists(file(name), error)) {
    fs::create_directories(folder_, error);
    if (error)
      throw io::WriteError(io::WriteError::Step::create, folder_,
                           "cannot make this folder (" + error.message() + "); choose another with --cache");
    if (!quiet_) std::fprintf(stderr, "erg: %s, once; kept as %s\n", what.c_str(), file(name).c_str());
    io::write_safetensors(file(name), make());
  }
  return io::read_safetensors(file(name));
}

Outputs cached_outputs(const Cache& cache, const Network& network, const std::string& set_name,
                       const io::ImageSet& set) {
  const std::string name = set_name + std::to_string(set.count) + "-" + network.name + "-" + network.fingerprint;
  const io::StateDict dict = cache.get(name, "computing the features of " + set_name + " by " + network.name, [&] {
    const Outputs made = outputs(network, set);
    io::StateDict fresh;
    fresh.tensors = {{"features", made.features}, {"logits", made.logits}};
    return fresh;
  });
  return {dict.tensor("features"), dict.tensor("logits")};
}

// ---- The networks

namespace {

/// A network whose weights are replaced by those given, on the device it was made on.
template <class Net>
Network network_of(const std::string& name, Net net, const io::StateDict& weights, Device device) {
  io::restore(entries(net), weights);
  auto shared = std::make_shared<Net>(std::move(net));
  return {name, fingerprint_of(io::state_of(entries(*shared))),
          [shared](const Tensor& images) { return (*shared)(images); }, device};
}

}  // namespace

Network digit_network(const std::string& set_name, const std::string& weights, const Cache& cache, Device device,
                      const std::function<const io::ImageSet&()>& train) {
  Noise noise(1, "classifier", device);
  if (!weights.empty()) return network_of("classifier", DigitNet(noise), io::read_safetensors(weights), device);
  const DigitTraining recipe;
  char name[120];
  std::snprintf(name, sizeof name, "%s-classifier-adam%g-epochs%lld-batch%lld-seed%llu", set_name.c_str(), recipe.rate,
                static_cast<long long>(recipe.epochs), static_cast<long long>(recipe.batch),
                static_cast<unsigned long long>(recipe.seed));
  const io::StateDict dict = cache.get(name, "training the " + set_name + " classifier", [&] {
    const io::ImageSet& images = train();
    Progress progress("classifier", recipe.epochs * (images.count / recipe.batch), cache.quiet());
    DigitNet net = train_digit_net(images, recipe, [&](int64_t step) { progress.update(step, {}); });
    return io::state_of(entries(net));
  });
  return network_of("classifier", DigitNet(noise), dict, device);
}

Network resnet_network(const std::string& name, const fs::path& data_folder, Device device) {
  Noise noise(1, "resnet", device);
  if (name != "resnet20" && name != "resnet56")
    throw std::invalid_argument("[resnet] knows resnet20 and resnet56, not " + name);
  return network_of(name, ResNet(name == "resnet20" ? 20 : 56, noise), read_resnet(data_folder, name), device);
}

}  // namespace erg::tools
