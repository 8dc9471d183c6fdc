// erg devices: what there is to compute on.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "../engine/device.h"
#include "../kernels/cpu/isa.h"
#include "../kernels/cuda/runtime.h"
#include "commands.h"
#include "error.h"

namespace erg::tools {

namespace {

using Json = nlohmann::ordered_json;

Json describe_cpu() {
  return {{"device", "cpu"},
          {"instruction_set", kernels::cpu::name(kernels::cpu::isa())},
          {"threads", std::thread::hardware_concurrency()}};
}

Json describe_cuda(int index) {
  Json line{{"device", to_string({Device::Kind::cuda, index})}};
  if constexpr (has_cuda) {
    const kernels::cuda::DeviceInfo info = kernels::cuda::device_info(index);
    line["name"] = info.name;
    line["emulated"] = info.emulated;
    line["compute_capability"] = std::to_string(info.major) + "." + std::to_string(info.minor);
    line["multiprocessors"] = info.multiprocessors;
    line["clock_mhz"] = info.clock_mhz;
    line["memory_mib"] = info.memory_bytes >> 20;
    line["free_mib"] = info.free_bytes >> 20;
    line["precision"] = kernels::cuda::precision() == kernels::cuda::Precision::tf32 ? "tf32" : "fp32";
  }
  return line;
}

int print_json() {
  Json all{{"devices", Json::array({describe_cpu()})}};
  for (int i = 0; i < cuda_devices(); ++i) all["devices"].push_back(describe_cuda(i));
  if (cuda_devices() == 0) all["no_cuda"] = why_no_cuda();
  all["auto"] = to_string(device_named("auto"));
  std::printf("%s\n", all.dump(2).c_str());
  return Exit::ok;
}

int print_text() {
  const Json cpu = describe_cpu();
  std::printf("cpu     %s kernels, %d threads\n", cpu["instruction_set"].get<std::string>().c_str(),
              cpu["threads"].get<int>());
  for (int i = 0; i < cuda_devices(); ++i) {
    const Json gpu = describe_cuda(i);
    std::printf("%-7s %s%s, compute capability %s, %d multiprocessors at %d MHz, %d of %d MiB free, %s products\n",
                gpu["device"].get<std::string>().c_str(), gpu["name"].get<std::string>().c_str(),
                gpu["emulated"].get<bool>() ? " (runs the CUDA kernels on the CPU, slowly)" : "",
                gpu["compute_capability"].get<std::string>().c_str(), gpu["multiprocessors"].get<int>(),
                gpu["clock_mhz"].get<int>(), gpu["free_mib"].get<int>(), gpu["memory_mib"].get<int>(),
                gpu["precision"].get<std::string>().c_str());
  }
  if (cuda_devices() == 0) std::printf("no cuda device: %s\n", why_no_cuda().c_str());
  std::printf("--device auto means %s\n", to_string(device_named("auto")).c_str());
  return Exit::ok;
}

}  // namespace

void add_devices(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("devices", "What there is to compute on");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->callback([&run, json] { run = [json] { return *json ? print_json() : print_text(); }; });
}

}  // namespace erg::tools
