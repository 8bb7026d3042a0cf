#include "runtime/chunk_extent.h"

#include "checkpoint/checkpoint.h"
#include "model/binding.h"

namespace plimsoll {

Extent chunk_extent(const Model& model, const Chunk& chunk) {
  const auto i = static_cast<std::size_t>(chunk.weight);
  const BoundPart& part = model.binding().weights[i][static_cast<std::size_t>(chunk.part)];
  const auto row_bytes = static_cast<std::uint64_t>(model.program().weights[i].inputs) * element_bytes(part.type);
  return {&model.checkpoint().file(part.tensor->file), part.tensor->offset + static_cast<std::uint64_t>(chunk.first_row) * row_bytes,
          static_cast<std::uint64_t>(chunk.outputs) * row_bytes};
}

}  // namespace plimsoll
