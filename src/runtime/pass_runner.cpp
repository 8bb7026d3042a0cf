#include "runtime/pass_runner.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"
#include "model/binding.h"
#include "runtime/stored_rows.h"
#include "runtime/table_rows.h"

namespace plimsoll {

Result<std::unique_ptr<PassRunner>> PassRunner::create(const RunnerOptions& options) {
  std::unique_ptr<PassRunner> runner(new PassRunner(options));
  if (options.schedule->ring.disk_chunks > 0) {
    PLIMSOLL_TRY(runner->reader_, open_chunk_reader(options));
  }
  return runner;
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
  if (next == std::ssize(options_.program().blocks)) primed_for_ = 0;
  return next;
}

Result<std::int32_t> PassRunner::walk(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) {
  const std::vector<Block>& blocks = options_.program().blocks;
  const auto name = [&](std::int32_t block) -> std::string_view { return blocks[static_cast<std::size_t>(block)].name; };
  std::int32_t block = first_block;
  bool begun = first_block == 0;
  const auto take_kind = [&](const auto& kind) requires requires { take(kind, size); }
  { return take(kind, size); };
  for (const ScheduleStep& scheduled : options_.schedule->pass) {
    const auto* compute = std::get_if<ComputeStep>(&scheduled);
    begun = begun || (compute != nullptr && compute->block >= first_block);
    if (!begun) continue;
    if (compute != nullptr && compute->block != block) {
      PLIMSOLL_CHECK(options_.kernels->synchronize(*options_.stream));
      const bool go_on = layer_done(name(block));
      block = compute->block;
      if (options_.cancelled()) return Error{ErrorCode::cancelled, "stopped before " + std::string(name(block))};
      if (!go_on) return block;
    }
    PLIMSOLL_CHECK(take_step(scheduled, take_kind));
  }
  PLIMSOLL_CHECK(options_.kernels->synchronize(*options_.stream));
  static_cast<void>(layer_done(name(block)));
  return static_cast<std::int32_t>(blocks.size());
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
  const Program& program = options_.program();
  const GatheredTable& gathered = options_.schedule->gathered;
  const BoundPart& part = options_.model->binding().weights[static_cast<std::size_t>(gathered.weight)].front();
  const std::span<const std::int32_t> ids(builder().integers(program.ids, size), static_cast<std::size_t>(size.tokens));
  std::byte* raw = builder().activations(gathered.raw_offset);
  const std::uint64_t row_bytes = stored_row_bytes(*options_.model, gathered.weight);
  PLIMSOLL_CHECK(read_table_rows(options_.model->checkpoint(), part, row_bytes, ids, raw, *options_.pool));
  prepare_rows(options_, gathered.weight, size.tokens, raw, builder().activations(gathered.offset));
  return {};
}

Status PassRunner::take(const ComputeStep& step, PassSize size) {
  const Op& op = options_.program().blocks[static_cast<std::size_t>(step.block)].ops[static_cast<std::size_t>(step.op)];
  if (step.chunk >= 0) return compute_chunk(std::get<LinearOp>(op), step.chunk, size);
  options_.kernels->enqueue(*options_.stream, builder().build(op, size));
  return {};
}

Status PassRunner::compute_chunk(const LinearOp& op, std::int32_t number, PassSize size) {
  const SlotRing& ring = options_.schedule->ring;
  const Chunk& chunk = ring.chunks[static_cast<std::size_t>(number)];
  PLIMSOLL_TRY(const std::span<const std::byte> stored, reader_->wait(slot_of(number)));
  std::byte* prepared = options_.host->bytes(MemoryTag::staging).data() + ring.host_offset + ring.host.total();
  const std::byte* rows = prepare_rows(options_, op.weight, chunk.outputs, stored.data(), prepared);
  options_.kernels->enqueue(*options_.stream, builder().build(op, size, chunk, rows));
  return {};
}

}  // namespace plimsoll
