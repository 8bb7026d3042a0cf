#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <plimsoll/bytes.h>

#include "device/device.h"
#include "model/program.h"
#include "plan/candidates/home.h"
#include "weights/weight_form.h"

namespace plimsoll {

/// A weight: in its home's `weights` arena at `offset` (on the device in `form`, on the host as the file has it), or passing through slots
/// chunk by chunk (home disk, offset without meaning).
struct PlannedWeight {
  WeightForm form;
  Home home = Home::device;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  ///< in `form`
};

/// A value in the `activations` arena, with room for `rows` rows. Smaller passes use a prefix. Values that live as long as the pass lie in
/// the arena's first `Schedule::pass_bytes`, those that stages hand on behind them.
struct PlannedValue {
  ElementType type = ElementType::float32;
  std::uint64_t offset = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// What a slot holds of a streamed weight: whole rows of one of its tensors, so that they lie together in the file.
struct Chunk {
  WeightId weight = kNone;
  std::int32_t part = 0;
  std::int32_t first_output = 0;  ///< of the weight
  std::int32_t outputs = 0;
  std::int32_t first_row = 0;  ///< of the part's tensor
};

/// Slots of one size, one behind the other from the start of a `staging` arena.
struct Slots {
  std::uint64_t bytes = 0;  ///< of one
  std::int32_t count = 0;
  std::uint64_t total() const { return bytes * static_cast<std::uint64_t>(count); }
};

/// How streamed weights pass through memory. On the host, chunks are read into `host` slots and used there. To another device they are
/// copied, from the `host` slots or the host's weights, into `device` slots: chunk i into slot i % count. Behind the slots of the
/// computing device is the place where a chunk is converted that is not used as the file has it.
struct SlotRing {
  std::vector<Chunk> chunks;               ///< in the order of their use; every pass uses each once
  std::vector<std::int32_t> disk_numbers;  ///< of each chunk: its number d among those from disk, read into host slot d % count; or -1
  std::int32_t disk_chunks = 0;
  Slots host;                        ///< bytes: a multiple of kDirectBlock, with room for a chunk wherever it begins in its file
  Slots device;                      ///< empty where the host computes
  std::uint64_t prepared_bytes = 0;  ///< of the place for converted chunks; zero when none is converted
  std::uint64_t host_offset = 0;     ///< of the host slots in the host's `staging` arena: behind those of other stages
  std::uint64_t device_offset = 0;   ///< likewise, of the device's slots
};

/// The word table's rows that a pass needs, fetched from the file or the host's memory: in the `activations` arena, as stored and (where
/// that differs) in the table's planned form.
struct GatheredTable {
  WeightId weight = kNone;        ///< kNone: the table is resident
  std::uint64_t host_offset = 0;  ///< where rows are collected for another device: in the host's `staging` arena
  std::uint64_t raw_offset = 0;
  std::uint64_t offset = 0;  ///< equal to raw_offset when rows are used as stored
};

/// Read outputs [first, first + count) of a weight from the files into a staging slot, or (slot < 0) straight into its place
/// because the file already has the planned form.
struct ReadWeightStep {
  WeightId weight = kNone;
  std::int32_t first_output = 0;
  std::int32_t outputs = 0;
  std::int32_t slot = -1;
};

/// Convert and pack what the slot holds into the weight's place.
struct PrepareWeightStep {
  WeightId weight = kNone;
  std::int32_t first_output = 0;
  std::int32_t outputs = 0;
  std::int32_t slot = 0;
};

/// Begin to read a chunk into its host slot, which is free or, of another device, as soon as its last copy is done.
struct FetchStep {
  std::int32_t chunk = 0;
};

/// Begin to copy a chunk to its device slot, which is free as soon as what was enqueued so far is done.
struct UploadStep {
  std::int32_t chunk = 0;
};

/// Fetch the rows of the gathered table that the pass's tokens name.
struct GatherTableStep {};

/// Run one op on all token rows of the pass: on all outputs, or on those of a chunk, once it has arrived.
struct ComputeStep {
  std::int32_t block = 0;
  std::int32_t op = 0;
  std::int32_t chunk = -1;
};

/// The chunk is done with; its slot is free.
struct FreeStep {
  std::int32_t chunk = 0;
};

using ScheduleStep = std::variant<ReadWeightStep, PrepareWeightStep, FetchStep, UploadStep, GatherTableStep, ComputeStep, FreeStep>;

/// What a stage of a Session does, in order: `load` once; `prime` before the first pass and after one that was not finished; `pass` for
/// every pass, which begins with the first chunks on their way and leaves the next pass's so. Offsets are exact; nothing is decided later.
struct Schedule {
  std::uint64_t model_shape = 0;  ///< of the model that it was made for (model_shape.h)
  std::uint64_t plan_sizes = 0;   ///< of the plan that it belongs to (plan_sizes.h)
  std::int32_t device = 0;        ///< that computes, by its number in Plan::devices: 0 the host
  ElementType compute = ElementType::float32;
  std::vector<PlannedWeight> weights;  ///< by WeightId
  std::vector<PlannedValue> values;    ///< by ValueId
  std::uint64_t pass_bytes = 0;        ///< of the values that live as long as the pass: inputs and logits; whole pages
  std::uint64_t stage_bytes = 0;       ///< of the values that stages hand on
  WorkspaceNeeds workspace;
  Slots load_slots;  ///< on the host and, beside it, on the device that computes
  SlotRing ring;
  GatheredTable gathered;
  std::vector<ScheduleStep> load;
  std::vector<ScheduleStep> prime;
  std::vector<ScheduleStep> pass;
};

/// A run of consecutive blocks that one device computes. Its schedule's steps count blocks from `first_block`; values and weights have the
/// numbers of the whole program, and those of other stages have no place.
struct Stage {
  std::int64_t first_block = 0;
  std::int64_t blocks = 0;
  Schedule schedule;
};

}  // namespace plimsoll
