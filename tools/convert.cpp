// erg convert FROM TO: weights and arrays from one format into another, and networks into and out of runs.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>

#include "../engine/io/checkpoint.h"
#include "../engine/io/error.h"
#include "../engine/io/npy.h"
#include "../engine/io/npz.h"
#include "commands.h"
#include "error.h"
#include "run.h"

namespace erg::tools {

namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path from, to;
  std::string network;  // the prefix of its names in a run, without the dot
};

enum class Kind { safetensors, npz, npy, folder, run };

constexpr const char* formats = "expected .safetensors, .npz, .npy, a folder of .npy files or a run";

/// By its name, or what is in it if it is a directory. Throws UsageError.
Kind kind_of(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return fs::exists(path / "config.ini", ignored) ? Kind::run : Kind::folder;
  const fs::path type = path.extension();
  if (type == ".safetensors") return Kind::safetensors;
  if (type == ".npz") return Kind::npz;
  if (type == ".npy") return Kind::npy;
  if (type == ".pt" || type == ".pth")
    throw UsageError(path.string() + ": " + formats + "; a " + type.string() +
                     " file is a program. In PyTorch, safetensors.torch.save_file(net.state_dict(), "
                     "\"net.safetensors\") writes the same weights");
  if (!type.empty()) throw UsageError(path.string() + ": " + formats);
  return Kind::folder;
}

// ---- Reading

io::StateDict read_folder(const fs::path& folder) {
  io::StateDict dict;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".npy") dict.tensors[entry.path().stem()] = io::read_npy(entry.path());
  if (error) throw io::MissingError(folder, "cannot be read: " + error.message());
  if (dict.tensors.empty()) throw io::MissingError(folder, "holds no .npy file and no run");
  return dict;
}

io::StateDict read_run(const fs::path& run) {
  io::StateDict state;
  take_newest_checkpoint(run, [&](const fs::path& file) { state = io::read_safetensors(file); });
  return state;
}

io::StateDict read(const fs::path& from) {
  io::StateDict dict;
  switch (kind_of(from)) {
    case Kind::safetensors: return io::read_safetensors(from);
    case Kind::run: return read_run(from);
    case Kind::npz: dict.tensors = io::read_npz(from); break;
    case Kind::npy: dict.tensors[from.stem()] = io::read_npy(from); break;
    case Kind::folder: dict = read_folder(from); break;
  }
  dict.source = from;
  return dict;
}

/// What --network can be: all that stands before a layer's number or a layer.
std::string networks_in(const io::StateDict& dict) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : dict.tensors)
    if (std::ranges::count(name, '.') >= 2) names.insert(name.substr(0, name.find('.')));
  return names.empty() ? "no network" : join({names.begin(), names.end()});
}

/// The names of a network's tensors, from its first layer's on.
std::vector<std::string> names_in(const io::StateDict& dict, const std::string& network) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : dict.tensors)
    if (name.starts_with(network + ".")) names.push_back(name.substr(network.size() + 1));
  if (names.empty())
    throw UsageError("--network " + network + ": " + dict.source.string() + " holds " + networks_in(dict));
  return names;
}

/// One network by itself, as PyTorch's state dict of it.
io::StateDict network_of(const io::StateDict& dict, const std::string& network) {
  io::check_format(dict);
  io::StateDict alone{{}, {}, dict.source};
  for (const std::string& name : names_in(dict, network)) alone.tensors[name] = dict.tensor(network + "." + name);
  if (const auto format = dict.metadata.find("format"); format != dict.metadata.end()) alone.metadata.insert(*format);
  return alone;
}

// ---- Writing

/// Puts a network into a run, as the checkpoint of the step behind its newest. Returns that file.
fs::path write_into_run(const io::StateDict& network, const Options& options) {
  if (options.network.empty())
    throw UsageError(options.to.string() +
                     " is a run: say with --network which of its networks to replace; there are " +
                     networks_in(read(options.to)));
  io::StateDict state = read_run(options.to);
  io::check_format(state);
  io::check_format(network);
  const std::vector<std::string> names = names_in(state, options.network);
  for (const std::string& name : names) {
    Tensor& weight = state.tensors[options.network + "." + name];
    weight = network.tensor(name, weight.shape());
  }
  for (const auto& [name, tensor] : network.tensors)
    if (!name.ends_with("num_batches_tracked") && std::ranges::find(names, name) == names.end())
      throw io::DataError(network.source, "holds " + io::cite(name) + ", which the run's " + options.network +
                                              " does not have: the file is of another model");
  const int64_t step = step_of(checkpoints(options.to).front()) + 1;
  save_checkpoint(options.to, step, state);
  return checkpoints(options.to).front();
}

void write_folder(const fs::path& folder, const io::StateDict& dict) {
  for (const auto& [name, tensor] : dict.tensors)
    if (name.empty() || name.starts_with('.') || name.find('/') != name.npos)
      throw io::DataError(dict.source, "the tensor " + io::cite(name) + " cannot be a file's name: write a .npz");
  make_directory(folder);
  for (const auto& [name, tensor] : dict.tensors) io::write_npy(folder / (name + ".npy"), tensor);
}

void write_npy(const fs::path& file, const io::StateDict& dict) {
  if (dict.tensors.size() != 1)
    throw UsageError(dict.source.string() + " holds " + std::to_string(dict.tensors.size()) +
                     " arrays and a .npy file one: name a .npz file or a folder");
  io::write_npy(file, dict.tensors.begin()->second);
}

/// Arrays' files have no place for counters and other words.
void tell_what_stays_behind(const io::StateDict& dict) {
  const auto words = dict.metadata.size() - dict.metadata.count("format");
  if (words > 0) std::fprintf(stderr, "erg: %zu counters stay behind: only .safetensors can hold them\n", words);
}

int convert(const Options& options, bool quiet) {
  const Kind kind = kind_of(options.to);
  std::error_code ignored;
  if (!fs::exists(options.from, ignored)) throw io::MissingError(options.from, "is not there");
  io::StateDict dict = read(options.from);
  // A file that goes into a run is the network, and its names are the network's own.
  if (!options.network.empty() && (kind != Kind::run || kind_of(options.from) == Kind::run))
    dict = network_of(dict, options.network);
  fs::path written = options.to;
  if (kind == Kind::run) {
    written = write_into_run(dict, options);
  } else {
    if (kind != Kind::safetensors && !quiet) tell_what_stays_behind(dict);
    if (kind == Kind::safetensors) io::write_safetensors(written, dict);
    if (kind == Kind::npz) io::write_npz(written, dict.tensors);
    if (kind == Kind::npy) write_npy(written, dict);
    if (kind == Kind::folder) write_folder(written, dict);
  }
  std::printf("%s\n", written.c_str());
  return Exit::ok;
}

}  // namespace

void add_convert(CLI::App& app, const Common& common, Run& run) {
  CLI::App* command = app.add_subcommand("convert", "Convert weights and arrays, and take networks out of runs and in");
  auto options = std::make_shared<Options>();
  command->add_option("from", options->from, "A .safetensors, .npz or .npy file, a folder of .npy files, or a run")
      ->required();
  command->add_option("to", options->to, "The same kinds; a name without an ending is a folder")->required();
  command->add_option("--network", options->network,
                      "One network of a run, such as generator: to write alone, or to replace");
  command->footer(
      "  erg convert RUN generator.safetensors --network generator   writes a state dict that PyTorch loads\n"
      "  erg convert generator.safetensors RUN --network generator   puts one that PyTorch wrote into a run\n"
      "  erg convert weights.safetensors weights.npz                 and back; or a folder, of a .npy file each\n\n"
      "Names and layouts are PyTorch's. A run is at its newest checkpoint; a network that is put into it makes a\n"
      "checkpoint of one step later and leaves the others there. 'erg train ... --steps 1' makes a run to put it "
      "into.");
  command->callback([&run, &common, options] { run = [options, &common] { return convert(*options, common.quiet); }; });
}

}  // namespace erg::tools
