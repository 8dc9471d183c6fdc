#include "launch.h"

#include <vector>

#include "block.h"
#include "fault.h"
#include "heap.h"
#include "order.h"
#include "shared_memory.h"

namespace erg::emulator {
namespace {
const Launch* running = nullptr;
}  // namespace

const Launch* running_launch() { return running; }

void run(const Launch& launch) {
  static Block block;  // kept for its fibers
  install_fault_handler();
  const Heap::Open open;
  running = &launch;
  gridDim = launch.grid;
  blockDim = launch.block;
  std::vector<unsigned> blocks(size_t(gridDim.x) * gridDim.y * gridDim.z);
  std::vector<unsigned> threads(size_t(blockDim.x) * blockDim.y * blockDim.z);
  SharedMemory& shared = SharedMemory::instance();
  arrange(blocks, 0);
  for (const unsigned number : blocks) {
    blockIdx = {number % gridDim.x, number / gridDim.x % gridDim.y, number / gridDim.x / gridDim.y};
    arrange(threads, number + 1);
    shared.prepare(launch.shared_bytes);
    block.run(threads, launch.body);
    shared.check_margins();
  }
  Heap::instance().check_redzones();
  running = nullptr;
}

}  // namespace erg::emulator
