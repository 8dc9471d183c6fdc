#include "export.h"

#include <nlohmann/json.hpp>
#include <set>

#include "../../engine/io/file.h"
#include "../../engine/io/npy.h"
#include "../../engine/ops.h"
#include "../run.h"

namespace erg::tools {

namespace {

using Json = nlohmann::ordered_json;

/// Writes the files that all work on a problem shares, and says what they are.
Json export_problem(const std::filesystem::path& folder, const Problem& p) {
  const auto write_tensor = [&](const std::string& kind, const Tensor& t) {
    const std::string file = p.name + "." + kind + ".npy";
    io::write_npy(folder / file, t);
    return file;
  };
  const auto write_sample = [&](const std::string& kind, const Sample& s) {
    return write_tensor(kind,
                        Tensor::from_host({s.count, s.size}, std::vector<real>(s.values.begin(), s.values.end())));
  };
  const auto write_driven = [&](const std::string& kind, const Driven& driven) {
    return Json{{"steps", driven.steps}, {"allowed", driven.allowed}, {"chains", write_sample(kind, driven.chains)}};
  };
  Json json = {{"energy", p.energy},
               {"steps", p.steps},
               {"drift", p.langevin.drift},
               {"noise", p.langevin.noise},
               {"low", p.langevin.low},  // null for infinity
               {"high", p.langevin.high},
               {"grad_clip", p.langevin.grad_clip},
               {"starts", write_tensor("starts", p.starts)},
               {"given_noise", write_tensor("noise", concat(p.noise, 0))},
               {"driven", write_driven("driven", p.driven)},
               {"driven_in_tf32", write_driven("driven-in-tf32", p.driven_in_tf32)},
               {"reference", nullptr},
               {"weights", Json::array()}};
  if (p.reference.count > 0) json["reference"] = write_sample("reference", p.reference);
  for (size_t i = 0; i < p.weights.size(); ++i)
    json["weights"].push_back(write_tensor("weight." + std::to_string(i), p.weights[i]));
  return json;
}

}  // namespace

void export_work(const std::filesystem::path& folder, const std::vector<Workload>& workloads, uint64_t seed) {
  make_directory(folder);
  Json json = {{"seed", seed}, {"significance", significance}, {"work", Json::array()}};
  std::set<std::string> done;
  for (const Workload& w : workloads) {
    if (!done.insert(w.work()).second) continue;
    Json entry = {{"work", w.work()}, {"workload", w.name}, {"B", w.chains}, {"d", w.size()}};
    entry.update(export_problem(folder, *w.problem));
    json["work"].push_back(entry);
  }
  io::atomic_write(folder / "work.json", json.dump(2) + "\n");
}

}  // namespace erg::tools
