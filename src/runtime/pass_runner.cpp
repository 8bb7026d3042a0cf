#include "runtime/pass_runner.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"
#include "model/binding.h"
#include "runtime/chunk_extent.h"
#include "runtime/table_rows.h"

namespace plimsoll {
Result<std::unique_ptr<PassRunner>> PassRunner::create(const Options& options) {
  std::unique_ptr<PassRunner> runner(new PassRunner(options));
  if (!options.schedule->ring.chunks.empty()) PLIMSOLL_CHECK(runner->open_ring());
  return runner;
}

Status PassRunner::open_ring() {
  const SlotRing& ring = options_.schedule->ring;
  const Checkpoint& checkpoint = options_.model->checkpoint();
  for (std::size_t i = 0; i < checkpoint.file_count(); ++i) checkpoint.file(static_cast<std::uint32_t>(i)).open_direct();
  SlotReader::Options reader;
  reader.os = options_.os;
  reader.pool = options_.pool;
  reader.memory = options_.reservation->bytes(MemoryTag::staging);
  reader.memory_owner = options_.reservation->staging_owner();
  reader.slot_bytes = ring.host.bytes;
  reader.slots = ring.host.count;
  reader.cancelled = [cancel = options_.cancel] { return cancel != nullptr && cancel->cancelled(); };
  PLIMSOLL_TRY(reader_, SlotReader::create(std::move(reader)));
  return {};
}

// Slots as the walk would find them: what was sent for before and not yet used, in that order.
Status PassRunner::prime(std::int32_t block) {
  if (reader_ == nullptr) return {};
  reader_->reset();
  primed_for_ = -1;
  std::vector<std::int32_t> on_their_way;
  const auto follow = [&](const ScheduleStep& step) {
    if (const auto* fetch = std::get_if<FetchStep>(&step)) on_their_way.push_back(fetch->chunk);
    if (const auto* freed = std::get_if<FreeStep>(&step)) std::erase(on_their_way, freed->chunk);
  };
  for (const ScheduleStep& step : options_.schedule->prime) follow(step);
  for (const ScheduleStep& step : options_.schedule->pass) {
    if (const auto* compute = std::get_if<ComputeStep>(&step); compute != nullptr && compute->block >= block) break;
    follow(step);
  }
  for (const std::int32_t chunk : on_their_way) PLIMSOLL_CHECK(take(FetchStep{chunk}, {}));
  primed_for_ = block;
  return {};
}

Result<std::int32_t> PassRunner::run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) {
  if (primed_for_ != first_block) PLIMSOLL_CHECK(prime(first_block));
  primed_for_ = -1;
  PLIMSOLL_TRY(const std::int32_t next, walk(size, first_block, layer_done));
  if (next == std::ssize(options_.model->program().blocks)) primed_for_ = 0;
  return next;
}

Result<std::int32_t> PassRunner::walk(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) {
  const std::vector<Block>& blocks = options_.model->program().blocks;
  const auto name = [&](std::int32_t block) -> std::string_view { return blocks[static_cast<std::size_t>(block)].name; };
  std::int32_t block = first_block;
  bool begun = first_block == 0;
  for (const ScheduleStep& scheduled : options_.schedule->pass) {
    const auto* compute = std::get_if<ComputeStep>(&scheduled);
    begun = begun || (compute != nullptr && compute->block >= first_block);
    if (!begun) continue;
    if (compute != nullptr && compute->block != block) {
      PLIMSOLL_CHECK(options_.kernels->synchronize(*options_.stream));
      const bool go_on = layer_done(name(block));
      block = compute->block;
      if (options_.cancel != nullptr && options_.cancel->cancelled())
        return Error{ErrorCode::cancelled, "stopped before " + std::string(name(block))};
      if (!go_on) return block;
    }
    PLIMSOLL_CHECK(take(scheduled, size));
  }
  PLIMSOLL_CHECK(options_.kernels->synchronize(*options_.stream));
  static_cast<void>(layer_done(name(block)));
  return static_cast<std::int32_t>(blocks.size());
}

Status PassRunner::take(const ScheduleStep& step, PassSize size) {
  return std::visit(
      [&](const auto& kind) -> Status {
        if constexpr (requires { this->PassRunner::take(kind, size); } && !std::is_same_v<decltype(kind), const ScheduleStep&>) {
          return take(kind, size);
        }
        return Error{ErrorCode::internal, "a step that has no place in a pass", "schedule"};
      },
      step);
}

int PassRunner::slot_of(std::int32_t chunk) const {
  const SlotRing& ring = options_.schedule->ring;
  return ring.disk_numbers[static_cast<std::size_t>(chunk)] % ring.host.count;
}

Status PassRunner::take(const FetchStep& step, PassSize) {
  reader_->request(slot_of(step.chunk),
                   chunk_extent(*options_.model, options_.schedule->ring.chunks[static_cast<std::size_t>(step.chunk)]));
  return {};
}

// The kernels may still be reading the slot.
Status PassRunner::take(const FreeStep& step, PassSize) {
  PLIMSOLL_CHECK(options_.kernels->synchronize(*options_.stream));
  reader_->release(slot_of(step.chunk));
  return {};
}

Status PassRunner::take(const GatherTableStep&, PassSize size) {
  const Program& program = options_.model->program();
  const GatheredTable& gathered = options_.schedule->gathered;
  const auto table = static_cast<std::size_t>(gathered.weight);
  const std::int64_t inputs = program.weights[table].inputs;
  const BoundPart& part = options_.model->binding().weights[table].front();
  const std::span<const std::int32_t> ids(builder().integers(program.ids, size), static_cast<std::size_t>(size.tokens));
  std::byte* raw = builder().activations(gathered.raw_offset);
  const std::uint64_t row_bytes = static_cast<std::uint64_t>(inputs) * element_bytes(part.type);
  PLIMSOLL_CHECK(read_table_rows(options_.model->checkpoint(), part, row_bytes, ids, raw, *options_.pool));
  const WeightForm form = options_.schedule->weights[table].form;
  if (form.type == part.type) return {};
  std::byte* converted = builder().activations(gathered.offset);
  options_.kernels->enqueue(*options_.stream, PrepareStep{raw, part.type, size.tokens, inputs, 0, size.tokens, form, converted});
  return {};
}

Status PassRunner::take(const ComputeStep& step, PassSize size) {
  const Op& op = options_.model->program().blocks[static_cast<std::size_t>(step.block)].ops[static_cast<std::size_t>(step.op)];
  if (step.chunk >= 0) return compute_chunk(std::get<LinearOp>(op), step.chunk, size);
  options_.kernels->enqueue(*options_.stream, builder().build(op, size));
  return {};
}

Status PassRunner::compute_chunk(const LinearOp& op, std::int32_t number, PassSize size) {
  const SlotRing& ring = options_.schedule->ring;
  const Chunk& chunk = ring.chunks[static_cast<std::size_t>(number)];
  PLIMSOLL_TRY(const std::span<const std::byte> stored, reader_->wait(slot_of(number)));
  const std::byte* rows = stored.data();
  const auto weight = static_cast<std::size_t>(op.weight);
  const WeightForm form = options_.schedule->weights[weight].form;
  const ElementType type = options_.model->binding().weights[weight].front().type;
  if (form.type != type) {
    std::byte* prepared = options_.reservation->bytes(MemoryTag::staging).data() + ring.host.total();
    const std::int64_t inputs = options_.model->program().weights[weight].inputs;
    options_.kernels->enqueue(*options_.stream, PrepareStep{rows, type, chunk.outputs, inputs, 0, chunk.outputs, form, prepared});
    rows = prepared;
  }
  options_.kernels->enqueue(*options_.stream, builder().build(op, size, chunk, rows));
  return {};
}

}  // namespace plimsoll
