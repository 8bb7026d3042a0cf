#include "runtime/accelerator_runner.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/checkpoint.h"
#include "runtime/chunk_extent.h"
#include "runtime/table_rows.h"

namespace plimsoll {

Result<std::unique_ptr<AcceleratorRunner>> AcceleratorRunner::create(const Options& options) {
  std::unique_ptr<AcceleratorRunner> runner(new AcceleratorRunner(options));
  PLIMSOLL_CHECK(runner->open());
  return runner;
}

AcceleratorRunner::~AcceleratorRunner() { abandon(); }

Status AcceleratorRunner::open() {
  Device& device = *options_.device;
  PLIMSOLL_TRY(from_memory_, device.make_stream(StreamKind::copy_in));
  PLIMSOLL_TRY(to_memory_, device.make_stream(StreamKind::copy_out));
  device_slots_.resize(static_cast<std::size_t>(ring().device.count));
  host_slots_.resize(static_cast<std::size_t>(ring().host.count));
  for (HostSlot& slot : host_slots_) {
    PLIMSOLL_TRY(slot.copies, device.make_stream(StreamKind::copy_in));
  }
  return ring().disk_chunks > 0 ? open_reader() : Status();
}

Status AcceleratorRunner::open_reader() {
  const Checkpoint& checkpoint = options_.model->checkpoint();
  for (std::size_t i = 0; i < checkpoint.file_count(); ++i) checkpoint.file(static_cast<std::uint32_t>(i)).open_direct();
  SlotReader::Options reader;
  reader.os = options_.os;
  reader.pool = options_.pool;
  reader.memory = options_.host->bytes(MemoryTag::staging);
  reader.slot_bytes = ring().host.bytes;
  reader.slots = ring().host.count;
  reader.cancelled = [cancel = options_.cancel] { return cancel != nullptr && cancel->cancelled(); };
  PLIMSOLL_TRY(reader_, SlotReader::create(reader));
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
    if (stream != nullptr) static_cast<void>(options_.device->synchronize(*stream).ok());
  };
  static_cast<void>(options_.kernels->synchronize(*options_.compute).ok());
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
  std::byte* values = options_.arenas->bytes(MemoryTag::activations).data();
  return {options_.model->program(), *options_.schedule,
          ArenaStarts{options_.arenas->bytes(MemoryTag::weights).data(), values, values + options_.schedule->pass_bytes}};
}

Result<std::int32_t> AcceleratorRunner::run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) {
  if (first_block != 0) return Error{ErrorCode::internal, "an accelerator begins passes at their first block", options_.device->name()};
  ++passes_;
  Status status = primed_ ? Status() : prime(0);
  if (status.ok()) status = walk(size, layer_done);
  if (status.ok()) return static_cast<std::int32_t>(options_.model->program().blocks.size());
  abandon();
  return std::move(status).error();
}

Status AcceleratorRunner::walk(PassSize size, const LayerFunction& layer_done) {
  const Program& program = options_.model->program();
  options_.device->at({Phase::pass, 1, passes_, -1});
  copy_inputs(size);
  std::int32_t block = 0;
  for (const ScheduleStep& scheduled : options_.schedule->pass) {
    if (const auto* compute = std::get_if<ComputeStep>(&scheduled); compute != nullptr && compute->block != block) {
      layer_done(program.blocks[static_cast<std::size_t>(block)].name);
      block = compute->block;
      options_.device->at({Phase::pass, 1, passes_, block - 1});
      if (options_.cancel != nullptr && options_.cancel->cancelled())
        return Error{ErrorCode::cancelled, "stopped before " + program.blocks[static_cast<std::size_t>(block)].name};
    }
    PLIMSOLL_CHECK(std::visit(
        [&](const auto& kind) -> Status {
          if constexpr (requires { take(kind, size); }) return take(kind, size);
          return Error{ErrorCode::internal, "a pass does not load weights", "schedule"};
        },
        scheduled));
  }
  PLIMSOLL_CHECK(finish(size));
  layer_done(program.blocks[static_cast<std::size_t>(block)].name);
  return {};
}

void AcceleratorRunner::copy_inputs(PassSize size) {
  const Program& program = options_.model->program();
  for (const ValueId id : {program.ids, program.position_ids, program.type_ids, program.text_starts}) {
    const MatrixView from = here().value(id, size);
    const auto bytes = static_cast<std::size_t>(from.rows * from.cols) * element_bytes(from.type);
    options_.device->copy_in(*from_memory_, there().value(id, size).data, {from.data, bytes});
  }
  options_.device->wait(*options_.compute, options_.device->record(*from_memory_));
}

Status AcceleratorRunner::finish(PassSize size) {
  const MatrixView to = here().value(options_.model->program().logits, size);
  const auto bytes = static_cast<std::size_t>(to.rows * to.cols) * element_bytes(to.type);
  options_.device->wait(*to_memory_, options_.device->record(*options_.compute));
  options_.device->copy_out(*to_memory_, {to.data, bytes}, there().value(options_.model->program().logits, size).data);
  PLIMSOLL_CHECK(options_.kernels->synchronize(*options_.compute));
  return options_.device->synchronize(*to_memory_);
}

// The slot's last copy must be done before the disk's bytes take its place.
Status AcceleratorRunner::take(const FetchStep& step, PassSize) {
  const std::size_t number = host_slot(step.chunk);
  HostSlot& slot = host_slots_[number];
  if (slot.copying) {
    PLIMSOLL_CHECK(options_.device->synchronize(*slot.copies));
    slot.copying = false;
    reader_->release(static_cast<int>(number));
  }
  const Extent extent = chunk_extent(*options_.model, ring().chunks[static_cast<std::size_t>(step.chunk)]);
  reader_->request(static_cast<int>(number), extent);
  slot.read = options_.device->host_reads(Bytes{extent.bytes});
  return {};
}

Status AcceleratorRunner::take(const UploadStep& step, PassSize) {
  const Chunk& chunk = ring().chunks[static_cast<std::size_t>(step.chunk)];
  DeviceSlot& to = device_slots_[device_slot(step.chunk)];
  Device& device = *options_.device;
  if (disk_number(step.chunk) < 0) {
    device.wait(*from_memory_, to.freed);
    device.copy_in(*from_memory_, device_place(step.chunk), host_rows(chunk));
    to.arrived = device.record(*from_memory_);
    return {};
  }
  const std::size_t number = host_slot(step.chunk);
  HostSlot& from = host_slots_[number];
  PLIMSOLL_TRY(const std::span<const std::byte> rows, reader_->wait(static_cast<int>(number)));
  device.wait(*from.copies, to.freed);
  device.wait(*from.copies, from.read);
  device.copy_in(*from.copies, device_place(step.chunk), rows);
  from.copying = true;
  to.arrived = device.record(*from.copies);
  return {};
}

Status AcceleratorRunner::take(const FreeStep& step, PassSize) {
  device_slots_[device_slot(step.chunk)].freed = options_.device->record(*options_.compute);
  return {};
}

Status AcceleratorRunner::take(const GatherTableStep&, PassSize size) {
  const GatheredTable& gathered = options_.schedule->gathered;
  const auto table = static_cast<std::size_t>(gathered.weight);
  const std::int64_t inputs = options_.model->program().weights[table].inputs;
  const BoundPart& part = options_.model->binding().weights[table].front();
  const std::uint64_t row_bytes = static_cast<std::uint64_t>(inputs) * element_bytes(part.type);
  std::byte* collected = options_.host->bytes(MemoryTag::staging).data() + gathered.host_offset;
  const std::span<const std::int32_t> ids(here().integers(options_.model->program().ids, size), static_cast<std::size_t>(size.tokens));
  PLIMSOLL_CHECK(collect_rows(part, row_bytes, ids, collected));

  std::byte* raw = there().activations(gathered.raw_offset);
  options_.device->copy_in(*from_memory_, raw, {collected, ids.size() * row_bytes});
  options_.device->wait(*options_.compute, options_.device->record(*from_memory_));
  const WeightForm form = options_.schedule->weights[table].form;
  if (form.type == part.type) return {};
  options_.kernels->enqueue(*options_.compute,
                            PrepareStep{raw, part.type, size.tokens, inputs, 0, size.tokens, form, there().activations(gathered.offset)});
  return {};
}

Status AcceleratorRunner::collect_rows(const BoundPart& part, std::uint64_t row_bytes, std::span<const std::int32_t> ids, std::byte* out) {
  const PlannedWeight& table = options_.schedule->weights[static_cast<std::size_t>(options_.schedule->gathered.weight)];
  if (table.home == Home::disk) return read_table_rows(options_.model->checkpoint(), part, row_bytes, ids, out, *options_.pool);
  const std::byte* rows = options_.host->bytes(MemoryTag::weights).data() + table.offset;
  for (std::size_t i = 0; i < ids.size(); ++i)
    std::memcpy(out + i * row_bytes, rows + static_cast<std::uint64_t>(ids[i]) * row_bytes, row_bytes);
  return {};
}

std::span<const std::byte> AcceleratorRunner::host_rows(const Chunk& chunk) const {
  const auto i = static_cast<std::size_t>(chunk.weight);
  const auto row_bytes = static_cast<std::uint64_t>(options_.model->program().weights[i].inputs) *
                         element_bytes(options_.model->binding().weights[i].front().type);
  const std::uint64_t first = options_.schedule->weights[i].offset + static_cast<std::uint64_t>(chunk.first_output) * row_bytes;
  return options_.host->bytes(MemoryTag::weights).subspan(first, static_cast<std::uint64_t>(chunk.outputs) * row_bytes);
}

Status AcceleratorRunner::take(const ComputeStep& step, PassSize size) {
  const Op& op = options_.model->program().blocks[static_cast<std::size_t>(step.block)].ops[static_cast<std::size_t>(step.op)];
  if (step.chunk >= 0) {
    compute_chunk(std::get<LinearOp>(op), step.chunk, size);
  } else {
    options_.kernels->enqueue(*options_.compute, there().build(op, size));
  }
  return {};
}

void AcceleratorRunner::compute_chunk(const LinearOp& op, std::int32_t number, PassSize size) {
  const Chunk& chunk = ring().chunks[static_cast<std::size_t>(number)];
  options_.device->wait(*options_.compute, device_slots_[device_slot(number)].arrived);
  const std::byte* rows = device_place(number);
  const auto weight = static_cast<std::size_t>(op.weight);
  const WeightForm form = options_.schedule->weights[weight].form;
  const ElementType type = options_.model->binding().weights[weight].front().type;
  if (form.type != type) {
    std::byte* prepared = options_.arenas->bytes(MemoryTag::staging).data() + ring().device.total();
    const std::int64_t inputs = options_.model->program().weights[weight].inputs;
    options_.kernels->enqueue(*options_.compute, PrepareStep{rows, type, chunk.outputs, inputs, 0, chunk.outputs, form, prepared});
    rows = prepared;
  }
  options_.kernels->enqueue(*options_.compute, there().build(op, size, chunk, rows));
}

}  // namespace plimsoll
