#include "dry_run.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "../engine/ops.h"
#include "../kernels/kernel.h"
#include "data.h"
#include "error.h"
#include "progress.h"
#include "recipes/recipes.h"

namespace erg::tools {

namespace {

/// Trained parameters by the first word of their names: "generator", "energy".
std::vector<std::pair<std::string, int64_t>> parameters_of(Trainer& trainer) {
  std::vector<std::pair<std::string, int64_t>> parts;
  for (const Visitor::Entry& e : entries(trainer)) {
    if (!e.trained) continue;
    const std::string part = e.name.substr(0, e.name.find('.'));
    if (parts.empty() || parts.back().first != part) parts.emplace_back(part, 0);
    parts.back().second += e.tensor->size();
  }
  return parts;
}

/// "31.2 P" of 3.12e16.
std::string with_prefix(double x) {
  const char* prefix = "";
  for (const char* larger : {"k", "M", "G", "T", "P", "E"}) {
    if (x < 1000) break;
    x /= 1000;
    prefix = larger;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %s", x, prefix);
  return text;
}

}  // namespace

Shape batch_shape(const Settings& s) {
  Shape batch{s.batch};
  for (const int64_t extent : sample_shape(s.data)) batch.push_back(extent);
  return batch;
}

RunCost cost_of(const Settings& s) {
  const Device device = device_of(s);
  const Shape sample = sample_shape(s.data), batch = batch_shape(s);
  const auto next = [&] { return Tensor::empty(batch, device); };
  const auto next_labelled = [&] { return Labelled{next(), Tensor::empty({s.batch}, device)}; };

  const auto pool = std::make_shared<Pool>(device);  // of its own, to see what the run takes
  const PoolScope scope(pool);
  kernels::CountedFlops counted(/*dry=*/true);
  const std::unique_ptr<Trainer> trainer = make_trainer(s, sample);
  RunCost cost{.parameters = parameters_of(*trainer), .state_bytes = pool->stats().live_bytes};
  trainer->step(next, next_labelled);
  const double before = counted.sum();
  trainer->step(next, next_labelled);
  cost.flops_of_step = counted.sum() - before;
  cost.peak_bytes = pool->stats().live_bytes + pool->stats().cached_bytes;
  return cost;
}

double measured_rate(Device device) {
  using Clock = std::chrono::steady_clock;
  const int64_t n = device == cpu_device ? 768 : 4096;
  const Tensor a = Tensor::ones({n, n}, device);
  const auto seconds = [&](int products) {
    const auto start = Clock::now();
    Tensor c = a;
    for (int i = 0; i < products; ++i) c = matmul(a, a);
    mean(c).item();  // waits
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  seconds(1);
  double best = seconds(1);
  const int products = std::max(1, int(0.1 / best));
  for (int i = 0; i < 3; ++i) best = std::min(best, seconds(products) / products);
  return 2.0 * double(n) * double(n) * double(n) / best;
}

int dry_run(const Settings& s, double flops_per_second) {
  const RunCost cost = cost_of(s);
  std::printf("%s\npreset     %s\n", to_config(s).c_str(), preset_text(s.system, s.data, s.preset).c_str());
  for (const auto& [part, count] : cost.parameters)
    std::printf("network    %s: %lld parameters\n", part.c_str(), static_cast<long long>(count));
  std::printf("memory     %sB, of which %sB are kept between steps\n", with_prefix(double(cost.peak_bytes)).c_str(),
              with_prefix(double(cost.state_bytes)).c_str());
  const double total = cost.flops_of_step * double(s.steps);
  std::printf("work       %sFLOP a step, %sFLOP in %lld steps, of products and convolutions\n",
              with_prefix(cost.flops_of_step).c_str(), with_prefix(total).c_str(), static_cast<long long>(s.steps));
  const bool measured = flops_per_second <= 0;
  const double rate = measured ? measured_rate(device_of(s)) : flops_per_second;
  std::printf("time       at least %s, at %sFLOP/s%s\n", duration_text(total / rate).c_str(), with_prefix(rate).c_str(),
              measured ? ", which a product of large matrices reaches here now" : "");
  return Exit::ok;
}

}  // namespace erg::tools
