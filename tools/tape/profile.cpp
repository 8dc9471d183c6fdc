#include "profile.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "../../engine/graph.h"
#include "../../engine/tape.h"

namespace erg::tools {

namespace {

using Clock = std::chrono::steady_clock;

int64_t bytes_of_values(const Shape& shape) { return shape.size() * int64_t(sizeof(real)); }

/// Hears of operations (TapeObserver) and of launches (kernels::Trace), and puts the launches where they belong.
class Recorder : public TapeObserver {
 public:
  Recorder(Device device, const NamesOfMemory& names) : device_(device), names_(names) {
    Tape::observer = this;
    kernels::trace = {.call = [](void* self, const kernels::Launch& launch,
                                 bool begins) { static_cast<Recorder*>(self)->launch(launch, begins); },
                      .self = this};
  }
  ~Recorder() override {
    kernels::trace = {};
    Tape::observer = nullptr;
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// What was recorded since the last call.
  StepProfile finish() {
    settle();
    open_.clear();
    return std::move(profile_);
  }

  void tape(const Tape& tape, bool begins) override {
    settle();
    if (begins) {
      open_.push_back({&tape, profile_.tapes.size(), {}});
      profile_.tapes.push_back({.depth = int(open_.size()) - 1});
    } else {
      OpenTape& open = of(tape);
      look_at_saves(open);
      open_.erase(open_.begin() + (&open - open_.data()));
    }
  }

  void leaf(const Tape& tape, const Tensor& t) override {
    RecordedTape& record = profile_.tapes[of(tape).index];
    Operand leaf{t.shape(), tape.node_of(t), name_of(t)};
    std::string word = leaf.name.empty() ? to_string(t.shape()) : leaf.name.substr(0, leaf.name.find('.'));
    if (record.watches.find(word) == std::string::npos) record.watches += (record.watches.empty() ? "" : ", ") + word;
    record.nodes.push_back({.op = "leaf", .output = std::move(leaf)});
  }

  void op(const char* name, const Tensor& y, std::span<const Tensor> inputs) override {
    const std::vector<Pending> own = claim(y, inputs);
    settle();
    std::vector<Launched> launches;
    for (const Pending& p : own) {
      launches.push_back(p.launch);
      launches.back().op = name;
      launches.back().result = y.shape();
    }
    const Tape* tape = Tape::recording();
    if (tape && tape->knows(y)) {
      add_node({.op = name, .output = {y.shape(), tape->node_of(y), ""}, .forward = std::move(launches)}, *tape, y,
               inputs);
      if (!own.empty()) last_written_ = {own.back().writes, tape->node_of(y)};
    } else if (!vjps_.empty()) {
      std::ranges::move(launches, std::back_inserter(backward_of_vjp()));
    } else if (!launches.empty()) {
      outside(name, y.shape(), std::move(launches));
    }
    saves_.clear();
  }

  void save(const Tensor& t, const std::weak_ptr<const void>& kept) override {
    saves_.push_back({.tensor = t, .memory = t.data(), .kept = kept});
  }

  void sweep(const Tape& tape, Keep, bool begins) override {
    settle();
    if (begins) look_at_saves(of(tape));
  }

  void vjp(const Tape& tape, int node, bool begins) override {
    settle();
    if (begins)
      vjps_.push_back({of(tape).index, node});
    else
      vjps_.pop_back();
  }

 private:
  struct Pending {
    Launched launch;
    std::set<const void*> writes;
  };
  struct Save {
    Tensor tensor;  // until its operation is told
    const void* memory;
    std::weak_ptr<const void> kept;
    int node = -1;
    Operand operand{};
  };
  struct OpenTape {
    const Tape* tape;
    size_t index;  // in the profile
    std::vector<Save> saves;
  };
  struct OpenVjp {
    size_t tape;
    int node;
  };

  /// An operation's launches are the last ones before it is told of, as far as they wrote its result. What lies before
  /// them is nobody's: noise, an optimiser's step.
  std::vector<Pending> claim(const Tensor& y, std::span<const Tensor> inputs) {
    size_t first = pending_.size();
    const auto is_view = [&](const Tensor& x) { return x.data() == y.data(); };
    if (std::ranges::none_of(inputs, is_view))
      while (first > 0 && pending_[first - 1].writes.contains(y.data())) --first;
    const std::vector<Pending> own(pending_.begin() + int64_t(first), pending_.end());
    pending_.resize(first);
    return own;
  }

  void add_node(TapeNode node, const Tape& tape, const Tensor& y, std::span<const Tensor> inputs) {
    OpenTape& open = of(tape);
    for (const Tensor& x : inputs) node.inputs.push_back(operand(x, tape));
    if (!vjps_.empty() && vjps_.back().tape == open.index) node.recorded_by = vjps_.back().node;
    const auto is_reshaped = [&](const Tensor& x) { return x.data() == y.data() && !(x.shape() == y.shape()); };
    if (node.forward.empty() && last_written_.memory.contains(y.data()) && std::ranges::none_of(inputs, is_reshaped))
      node.computed_with = last_written_.node;
    profile_.tapes[open.index].nodes.push_back(std::move(node));
    for (const Save& save : saves_) {
      const Tensor& kept = save.memory == y.data() ? y : save.tensor;
      open.saves.push_back({{}, save.memory, save.kept, tape.node_of(y), operand(kept, tape)});
    }
  }

  void launch(const kernels::Launch& launch, bool begins) {
    synchronise(device_);
    if (begins) {
      begin_ = Clock::now();
      return;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    pending_.push_back({{.kernel = launch.kernel, .flops = launch.flops, .bytes = launch.bytes, .seconds = seconds},
                        {launch.writes.begin(), launch.writes.end()}});
  }

  /// Launches that no operation claims belong to the VJP under way, or to nobody.
  void settle() {
    for (Pending& p : pending_)
      if (vjps_.empty())
        outside(p.launch.kernel, {}, {p.launch});
      else
        backward_of_vjp().push_back(p.launch);
    pending_.clear();
  }

  void outside(const std::string& name, const Shape& shape, std::vector<Launched> launches) {
    const auto is_it = [&](const Unrecorded& u) { return u.name == name && u.output.shape == shape; };
    auto row = std::ranges::find_if(profile_.outside, is_it);
    if (row == profile_.outside.end()) row = profile_.outside.insert(row, {.name = name, .output = {shape, -1, ""}});
    ++row->count;
    std::ranges::move(launches, std::back_inserter(row->launches));
  }

  /// Which of the values that were to be kept are: those whose VJPs are on the tape still.
  void look_at_saves(OpenTape& open) {
    RecordedTape& record = profile_.tapes[open.index];
    std::set<const void*> counted;
    for (const Save& save : open.saves) {
      if (save.kept.expired()) continue;
      record.nodes[size_t(save.node)].keeps.push_back(save.operand);
      if (save.operand.name.empty() && counted.insert(save.memory).second)
        record.kept_bytes += bytes_of_values(save.operand.shape);
    }
    open.saves.clear();
  }

  OpenTape& of(const Tape& tape) { return *std::ranges::find(open_, &tape, &OpenTape::tape); }
  std::vector<Launched>& backward_of_vjp() {
    return profile_.tapes[vjps_.back().tape].nodes[size_t(vjps_.back().node)].backward;
  }

  std::string name_of(const Tensor& t) const {
    const auto found = names_.find(t.data());
    return found == names_.end() ? "" : found->second;
  }
  Operand operand(const Tensor& t, const Tape& tape) {
    const int node = tape.node_of(t);
    const bool computed = node >= 0 && profile_.tapes[of(tape).index].nodes[size_t(node)].op != "leaf";
    return {t.shape(), node, computed ? "" : name_of(t)};
  }

  Device device_;
  const NamesOfMemory& names_;
  StepProfile profile_;
  std::vector<OpenTape> open_;    // the innermost last
  std::vector<OpenVjp> vjps_;     // that are under way
  std::vector<Pending> pending_;  // launches whose operation has not been told yet
  std::vector<Save> saves_;       // values whose operation has not been told yet
  struct {
    std::set<const void*> memory;
    int node;
  } last_written_;  // by a node's launch
  Clock::time_point begin_;
};

}  // namespace

StepProfile watch(const std::function<void()>& step, Device device, const NamesOfMemory& names) {
  synchronise(device);
  Recorder recorder(device, names);
  const double seconds = seconds_of(step, device);
  StepProfile profile = recorder.finish();
  profile.seconds = seconds;
  return profile;
}

std::vector<Launched*> launches_of(StepProfile& profile) {
  std::vector<Launched*> all;
  const auto add = [&](std::vector<Launched>& launches) {
    for (Launched& launch : launches) all.push_back(&launch);
  };
  for (RecordedTape& tape : profile.tapes)
    for (TapeNode& node : tape.nodes) add(node.forward), add(node.backward);
  for (Unrecorded& row : profile.outside) add(row.launches);
  return all;
}

StepProfile median_step(std::vector<StepProfile> profiles, bool& alike) {
  std::vector<std::vector<Launched*>> launches;
  std::vector<double> unaccounted;
  for (StepProfile& profile : profiles) {
    launches.push_back(launches_of(profile));
    unaccounted.push_back(profile.seconds - cost_of(profile).seconds);
  }
  const auto same = [&](const std::vector<Launched*>& other) {
    return std::ranges::equal(other, launches[0], {}, &Launched::kernel, &Launched::kernel);
  };
  alike = std::ranges::all_of(launches, same);
  if (!alike) {
    std::ranges::sort(profiles, {}, &StepProfile::seconds);
    return profiles[profiles.size() / 2];
  }
  for (size_t i = 0; i < launches[0].size(); ++i) {
    std::vector<double> times;
    for (const auto& of_step : launches) times.push_back(of_step[i]->seconds);
    launches[0][i]->seconds = median_of(times);
  }
  profiles[0].seconds = cost_of(profiles[0]).seconds + median_of(unaccounted);
  return profiles[0];
}

void hold_against(StepProfile& profile, const Ceilings& ceilings, Precision precision) {
  for (Launched* launch : launches_of(profile)) {
    const Bound bound = ceilings.bound(launch->flops, launch->bytes, precision);
    launch->least_seconds = bound.seconds;
    if (bound.seconds > 0) launch->ceiling = bound.ceiling;
  }
}

// ---- Sums

Cost& Cost::operator+=(const Cost& other) {
  seconds += other.seconds;
  flops += other.flops;
  bytes += other.bytes;
  for (const auto& [ceiling, least] : other.least_seconds) least_seconds[ceiling] += least;
  return *this;
}

double Cost::least() const {
  double sum = 0;
  for (const auto& [ceiling, least] : least_seconds) sum += least;
  return sum;
}

std::string Cost::ceiling() const {
  const auto by_time = [](const auto& entry) { return entry.second; };
  return least_seconds.empty() ? "" : std::ranges::max_element(least_seconds, {}, by_time)->first;
}

Cost cost_of(const std::vector<Launched>& launches) {
  Cost sum;
  for (const Launched& l : launches) {
    sum += {l.seconds, l.flops, l.bytes, {}};
    if (l.least_seconds > 0) sum.least_seconds[l.ceiling] += l.least_seconds;
  }
  return sum;
}

Cost forward_of(const RecordedTape& tape) {
  Cost sum;
  for (const TapeNode& node : tape.nodes) sum += cost_of(node.forward);
  return sum;
}

Cost backward_of(const RecordedTape& tape) {
  Cost sum;
  for (const TapeNode& node : tape.nodes) sum += cost_of(node.backward);
  return sum;
}

Cost cost_of(const StepProfile& profile) {
  Cost sum;
  for (const RecordedTape& tape : profile.tapes) (sum += forward_of(tape)) += backward_of(tape);
  for (const Unrecorded& row : profile.outside) sum += cost_of(row.launches);
  return sum;
}

std::vector<OpSum> sums_by_op(const StepProfile& profile) {
  std::vector<OpSum> sums;
  const auto of = [&](const std::string& name) -> OpSum& {
    const auto found = std::ranges::find(sums, name, &OpSum::name);
    return found != sums.end() ? *found : sums.emplace_back(OpSum{.name = name});
  };
  for (const RecordedTape& tape : profile.tapes)
    for (const TapeNode& node : tape.nodes) {
      if (node.op == "leaf") continue;
      OpSum& sum = of(node.op);
      ++sum.count;
      sum.forward += cost_of(node.forward);
      sum.backward += cost_of(node.backward);
    }
  for (const Unrecorded& row : profile.outside) {
    OpSum& sum = of(row.name);
    sum.count += row.count;
    sum.outside += cost_of(row.launches);
  }
  std::ranges::stable_sort(sums, std::greater(), &OpSum::seconds);
  return sums;
}

int64_t kept_bytes(const TapeNode& node) {
  int64_t bytes = 0;
  for (const Operand& kept : node.keeps)
    if (kept.name.empty()) bytes += bytes_of_values(kept.shape);
  return bytes;
}

bool alike(const RecordedTape& a, const RecordedTape& b) {
  return a.depth == b.depth && std::ranges::equal(a.nodes, b.nodes, [](const TapeNode& x, const TapeNode& y) {
           const auto kernels_alike = [](const std::vector<Launched>& s, const std::vector<Launched>& t) {
             return std::ranges::equal(s, t, {}, &Launched::kernel, &Launched::kernel);
           };
           return x.op == y.op && x.output.shape == y.output.shape && x.output.name == y.output.name &&
                  x.recorded_by == y.recorded_by && kernels_alike(x.forward, y.forward) &&
                  kernels_alike(x.backward, y.backward);
         });
}

}  // namespace erg::tools
