// erg version: what this build is and what it runs on.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "../kernels/cpu/isa.h"
#include "../kernels/stream.h"
#include "commands.h"
#include "error.h"

namespace erg::tools {

void add_version(CLI::App& app, Run& run) {
  app.add_subcommand("version", "Version, build and machine")->callback([&run] {
    run = [] {
      std::printf("erg %s\nkernels  %s\ncuda     %s\n", ERG_VERSION,
                  std::string(kernels::cpu::name(kernels::cpu::isa())).c_str(),
                  has_cuda ? "compiled in, see erg devices" : "not in this build");
      return int(Exit::ok);
    };
  });
}

}  // namespace erg::tools
