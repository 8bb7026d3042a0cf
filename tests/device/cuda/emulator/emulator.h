#pragma once

#include <cstddef>
#include <cstdint>

namespace plimsoll::emulator {

/// Runs a kernel as a GPU would, on the host and one block after the other: `threads` threads of a block, a multiple of 32, take turns,
/// each until it waits for others, and each warp comes as far as it can before the next one begins. Blocks begin with their first warp and
/// their last one by turns. So a barrier that is missing shows. `body` is a kernel with its argument. False where threads wait for each
/// other for ever: a barrier that some of a block did not come to.
bool run_grid(unsigned grid_x, unsigned grid_y, unsigned threads, std::size_t shared_bytes, void (*body)(const void*),
              const void* argument);

/// A kernel of this build by its name, or null.
struct EmulatedKernel {
  const char* name;
  void (*body)(const void*);
  std::size_t argument_bytes;
};
const EmulatedKernel* find_kernel(const char* name);

// What kernels see.
struct Index {
  unsigned x = 0;
  unsigned y = 0;
};
extern Index block_index;
extern Index thread_index;
/// Waits until all threads of the block that have not returned are here.
void synchronize_block();
/// Likewise, of the warp.
void synchronize_warp();
/// Memory of the block.
float* shared_memory();
/// A place of each thread of the block, for what warps exchange.
struct Exchange {
  float value;
  std::uint32_t a[4];
  std::uint32_t b[2];
};
Exchange& exchange_of(unsigned thread);

}  // namespace plimsoll::emulator
