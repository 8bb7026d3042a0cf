#include "runtime/staged_runner.h"

namespace plimsoll {

Status StagedRunner::prime(std::int32_t block) {
  for (const Part& part : parts_) {
    const bool begins_here = block >= part.first_block && block < part.first_block + part.blocks;
    PLIMSOLL_CHECK(part.runner->prime(begins_here ? block - part.first_block : 0));
  }
  return {};
}

Result<std::int32_t> StagedRunner::run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) {
  std::int32_t block = first_block;
  for (const Part& part : parts_) {
    const std::int32_t end = part.first_block + part.blocks;
    if (block >= end) continue;
    PLIMSOLL_TRY(const std::int32_t next, part.runner->run(size, block - part.first_block, layer_done));
    block = part.first_block + next;
    if (block < end) return block;
  }
  return block;
}

}  // namespace plimsoll
