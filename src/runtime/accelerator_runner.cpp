#include "runtime/accelerator_runner.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/checkpoint.h"
#include "runtime/stored_rows.h"
#include "runtime/table_rows.h"

namespace plimsoll {

Result<std::unique_ptr<AcceleratorRunner>> AcceleratorRunner::create(const RunnerOptions& options, Device& device,
                                                                     const DeviceArenas& arenas) {
  std::unique_ptr<AcceleratorRunner> runner(new AcceleratorRunner(options, device, arenas));
  PLIMSOLL_CHECK(runner->open());
  return runner;
}

AcceleratorRunner::~AcceleratorRunner() { abandon(); }

Status AcceleratorRunner::open() {
  PLIMSOLL_TRY(from_memory_, device_.make_stream(StreamKind::copy_in));
  PLIMSOLL_TRY(to_memory_, device_.make_stream(StreamKind::copy_out));
  device_slots_.resize(static_cast<std::size_t>(ring().device.count));
  host_slots_.resize(static_cast<std::size_t>(ring().host.count));
  for (HostSlot& slot : host_slots_) {
    PLIMSOLL_TRY(slot.copies, device_.make_stream(StreamKind::copy_in));
  }
  if (ring().disk_chunks > 0) {
    PLIMSOLL_TRY(reader_, open_chunk_reader(options_));
  }
  return {};
}

Status AcceleratorRunner::prime(std::int32_t) {
  for (const ScheduleStep& step : options_.schedule->prime) {
    if (const auto* fetch = std::get_if<FetchStep>(&step)) PLIMSOLL_CHECK(take(*fetch, {}));
    if (const auto* upload = std::get_if<UploadStep>(&step)) PLIMSOLL_CHECK(take(*upload, {}));
  }
  primed_ = true;
  return {};
}

// Nothing of the device's work in progress is of use any more; errors of it are told already or do not matter.
void AcceleratorRunner::abandon() {
  primed_ = false;
  const auto drain = [this](const std::unique_ptr<Stream>& stream) {
    if (stream != nullptr) static_cast<void>(device_.synchronize(*stream).ok());
  };
  static_cast<void>(options_.kernels->synchronize(*options_.stream).ok());
  drain(from_memory_);
  drain(to_memory_);
  for (HostSlot& slot : host_slots_) {
    drain(slot.copies);
    slot.read = {};
    slot.copying = false;
  }
  std::fill(device_slots_.begin(), device_slots_.end(), DeviceSlot{});
  if (reader_ != nullptr) reader_->reset();
}

StepBuilder AcceleratorRunner::there() const {
  std::byte* values = arenas_.bytes(MemoryTag::activations).data();
  return {options_.program(), *options_.schedule,
          ArenaStarts{arenas_.bytes(MemoryTag::weights).data(), values, values + options_.schedule->pass_bytes}};
}

Result<std::int32_t> AcceleratorRunner::run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) {
  if (first_block != 0) return Error{ErrorCode::internal, "an accelerator begins passes at their first block", device_.name()};
  Result<bool> walked = false;
  if (Status primed = primed_ ? Status() : prime(0); !primed.ok()) walked = std::move(primed).error();
  else walked = walk(size, layer_done);
  if (walked.ok() && *walked) return static_cast<std::int32_t>(options_.program().blocks.size());
  abandon();
  return walked.ok() ? Result<std::int32_t>(0) : std::move(walked).error();
}

// False where it was stopped.
Result<bool> AcceleratorRunner::walk(PassSize size, const LayerFunction& layer_done) {
  const Program& program = options_.program();
  copy_inputs(size);
  std::int32_t block = 0;
  const auto take_kind = [&](const auto& kind) requires requires { take(kind, size); }
  { return take(kind, size); };
  for (const ScheduleStep& scheduled : options_.schedule->pass) {
    if (const auto* compute = std::get_if<ComputeStep>(&scheduled); compute != nullptr && compute->block != block) {
      const bool go_on = layer_done(program.blocks[static_cast<std::size_t>(block)].name);
      block = compute->block;
      if (options_.cancelled())
        return Error{ErrorCode::cancelled, "stopped before " + program.blocks[static_cast<std::size_t>(block)].name};
      if (!go_on) return false;
    }
    PLIMSOLL_CHECK(take_step(scheduled, take_kind));
  }
  PLIMSOLL_CHECK(finish(size));
  static_cast<void>(layer_done(program.blocks[static_cast<std::size_t>(block)].name));
  return true;
}

void AcceleratorRunner::copy_inputs(PassSize size) {
  for (const ValueId id : values_.inputs) {
    const MatrixView from = here().value(id, size);
    device_.copy_in(*from_memory_, there().value(id, size).data, {from.data, matrix_bytes(from)});
  }
  device_.wait(*options_.stream, device_.record(*from_memory_));
}

Status AcceleratorRunner::finish(PassSize size) {
  device_.wait(*to_memory_, device_.record(*options_.stream));
  for (const ValueId id : values_.outputs) {
    const MatrixView to = here().value(id, size);
    device_.copy_out(*to_memory_, {to.data, matrix_bytes(to)}, there().value(id, size).data);
  }
  PLIMSOLL_CHECK(options_.kernels->synchronize(*options_.stream));
  return device_.synchronize(*to_memory_);
}

// The slot's last copy must be done before the disk's bytes take its place.
Status AcceleratorRunner::take(const FetchStep& step, PassSize) {
  const std::size_t number = host_slot(step.chunk);
  HostSlot& slot = host_slots_[number];
  if (slot.copying) {
    PLIMSOLL_CHECK(device_.synchronize(*slot.copies));
    slot.copying = false;
    reader_->release(static_cast<int>(number));
  }
  const Extent extent = chunk_extent(*options_.model, ring().chunks[static_cast<std::size_t>(step.chunk)]);
  reader_->request(static_cast<int>(number), extent);
  slot.read = device_.host_reads(Bytes{extent.bytes});
  return {};
}

Status AcceleratorRunner::take(const UploadStep& step, PassSize) {
  const Chunk& chunk = ring().chunks[static_cast<std::size_t>(step.chunk)];
  DeviceSlot& to = device_slots_[device_slot(step.chunk)];
  if (disk_number(step.chunk) < 0) {
    device_.wait(*from_memory_, to.freed);
    device_.copy_in(*from_memory_, device_place(step.chunk), host_rows(chunk));
    to.arrived = device_.record(*from_memory_);
    return {};
  }
  const std::size_t number = host_slot(step.chunk);
  HostSlot& from = host_slots_[number];
  PLIMSOLL_TRY(const std::span<const std::byte> rows, reader_->wait(static_cast<int>(number)));
  device_.wait(*from.copies, to.freed);
  device_.wait(*from.copies, from.read);
  device_.copy_in(*from.copies, device_place(step.chunk), rows);
  from.copying = true;
  to.arrived = device_.record(*from.copies);
  return {};
}

Status AcceleratorRunner::take(const FreeStep& step, PassSize) {
  device_slots_[device_slot(step.chunk)].freed = device_.record(*options_.stream);
  return {};
}

Status AcceleratorRunner::take(const GatherTableStep&, PassSize size) {
  const GatheredTable& gathered = options_.schedule->gathered;
  std::byte* collected = options_.host->bytes(MemoryTag::staging).data() + gathered.host_offset;
  const std::span<const std::int32_t> ids(here().integers(options_.program().ids, size), static_cast<std::size_t>(size.tokens));
  PLIMSOLL_CHECK(collect_rows(ids, collected));

  std::byte* raw = there().activations(gathered.raw_offset);
  const std::uint64_t bytes = ids.size() * stored_row_bytes(*options_.model, gathered.weight);
  const bool from_disk = options_.schedule->weights[static_cast<std::size_t>(gathered.weight)].home == Home::disk;
  if (from_disk) device_.wait(*from_memory_, device_.host_reads(Bytes{bytes}));
  device_.copy_in(*from_memory_, raw, {collected, bytes});
  device_.wait(*options_.stream, device_.record(*from_memory_));
  prepare_rows(options_, gathered.weight, size.tokens, raw, there().activations(gathered.offset));
  return {};
}

Status AcceleratorRunner::collect_rows(std::span<const std::int32_t> ids, std::byte* out) {
  const WeightId id = options_.schedule->gathered.weight;
  const auto i = static_cast<std::size_t>(id);
  const PlannedWeight& table = options_.schedule->weights[i];
  const std::uint64_t row_bytes = stored_row_bytes(*options_.model, id);
  if (table.home == Home::disk) {
    const BoundPart& part = options_.model->binding().weights[i].front();
    return read_table_rows(options_.model->checkpoint(), part, row_bytes, ids, out, *options_.pool);
  }
  const std::byte* rows = options_.host->bytes(MemoryTag::weights).data() + table.offset;
  for (std::size_t row = 0; row < ids.size(); ++row)
    std::memcpy(out + row * row_bytes, rows + static_cast<std::uint64_t>(ids[row]) * row_bytes, row_bytes);
  return {};
}

std::span<const std::byte> AcceleratorRunner::host_rows(const Chunk& chunk) const {
  const std::uint64_t row_bytes = stored_row_bytes(*options_.model, chunk.weight);
  const std::uint64_t offset = options_.schedule->weights[static_cast<std::size_t>(chunk.weight)].offset;
  const std::uint64_t first = offset + static_cast<std::uint64_t>(chunk.first_output) * row_bytes;
  return options_.host->bytes(MemoryTag::weights).subspan(first, static_cast<std::uint64_t>(chunk.outputs) * row_bytes);
}

Status AcceleratorRunner::take(const ComputeStep& step, PassSize size) {
  const Op& op = options_.program().blocks[static_cast<std::size_t>(step.block)].ops[static_cast<std::size_t>(step.op)];
  if (step.chunk >= 0) {
    compute_chunk(std::get<LinearOp>(op), step.chunk, size);
  } else {
    options_.kernels->enqueue(*options_.stream, there().build(op, size));
  }
  return {};
}

void AcceleratorRunner::compute_chunk(const LinearOp& op, std::int32_t number, PassSize size) {
  const Chunk& chunk = ring().chunks[static_cast<std::size_t>(number)];
  device_.wait(*options_.stream, device_slots_[device_slot(number)].arrived);
  std::byte* prepared = device_slots_begin() + ring().device.total();
  const std::byte* rows = prepare_rows(options_, op.weight, chunk.outputs, device_place(number), prepared);
  options_.kernels->enqueue(*options_.stream, there().build(op, size, chunk, rows));
}

}  // namespace plimsoll
