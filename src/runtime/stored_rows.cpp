#include "runtime/stored_rows.h"

#include "checkpoint/checkpoint.h"
#include "model/binding.h"
#include "plan/layout/forms.h"

namespace plimsoll {

Extent chunk_extent(const Model& model, const Chunk& chunk) {
  const BoundPart& part = model.binding().weights[static_cast<std::size_t>(chunk.weight)][static_cast<std::size_t>(chunk.part)];
  const std::uint64_t row_bytes = stored_row_bytes(model, chunk.weight);
  return {&model.checkpoint().file(part.tensor->file), part.tensor->offset + static_cast<std::uint64_t>(chunk.first_row) * row_bytes,
          static_cast<std::uint64_t>(chunk.outputs) * row_bytes};
}

std::uint64_t stored_row_bytes(const Model& model, WeightId weight) {
  const auto i = static_cast<std::size_t>(weight);
  return stored_row_bytes(model.program().weights[i], model.binding().weights[i]);
}

Result<std::unique_ptr<SlotReader>> open_chunk_reader(const RunnerOptions& options) {
  const Checkpoint& checkpoint = options.model->checkpoint();
  for (std::size_t i = 0; i < checkpoint.file_count(); ++i) checkpoint.file(static_cast<std::uint32_t>(i)).open_direct();
  const SlotRing& ring = options.schedule->ring;
  SlotReader::Options reader;
  reader.os = options.os;
  reader.pool = options.pool;
  reader.memory = options.host->bytes(MemoryTag::staging).subspan(ring.host_offset, ring.host.total());
  reader.memory_owner = options.host->staging_owner();
  reader.slot_bytes = ring.host.bytes;
  reader.slots = ring.host.count;
  reader.cancelled = [cancel = options.cancel] { return cancel != nullptr && cancel->cancelled(); };
  return SlotReader::create(std::move(reader));
}

const std::byte* prepare_rows(const RunnerOptions& options, WeightId weight, std::int64_t rows, const std::byte* stored,
                              std::byte* prepared) {
  const auto i = static_cast<std::size_t>(weight);
  const WeightForm form = options.schedule->weights[i].form;
  const ElementType type = options.model->binding().weights[i].front().type;
  if (form.type == type) return stored;
  const std::int64_t inputs = options.model->program().weights[i].inputs;
  options.kernels->enqueue(*options.stream, PrepareStep{stored, type, rows, inputs, 0, rows, form, prepared});
  return prepared;
}

}  // namespace plimsoll
