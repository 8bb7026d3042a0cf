#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <plimsoll/bytes.h>

#include "device/device.h"
#include "model/program.h"
#include "weights/weight_form.h"

namespace plimsoll {

/// A weight in the `weights` arena.
struct PlannedWeight {
  WeightForm form;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// A value in the `activations` arena, with room for `rows` rows. Smaller passes use a prefix.
struct PlannedValue {
  ElementType type = ElementType::float32;
  std::uint64_t offset = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// Read outputs [first, first + count) of a weight from the files into a staging slot, or (slot < 0) straight into its place
/// because the file already has the planned form.
struct ReadWeightStep {
  WeightId weight = kNone;
  std::int64_t first_output = 0;
  std::int64_t outputs = 0;
  std::int32_t slot = -1;
};

/// Convert and pack what the slot holds into the weight's place.
struct PrepareWeightStep {
  WeightId weight = kNone;
  std::int64_t first_output = 0;
  std::int64_t outputs = 0;
  std::int32_t slot = 0;
};

/// Run one op on all token rows and all outputs of the pass.
struct ComputeStep {
  std::int32_t block = 0;
  std::int32_t op = 0;
};

using ScheduleStep = std::variant<ReadWeightStep, PrepareWeightStep, ComputeStep>;

/// What a Session does, in order: `load` once, `pass` for every pass. Offsets are exact; nothing is decided later.
struct Schedule {
  ElementType compute = ElementType::float32;
  std::vector<PlannedWeight> weights;  ///< by WeightId
  std::vector<PlannedValue> values;    ///< by ValueId
  WorkspaceNeeds workspace;
  std::uint64_t slot_bytes = 0;  ///< of one staging slot
  std::int32_t slots = 0;
  std::vector<ScheduleStep> load;
  std::vector<ScheduleStep> pass;
};

}  // namespace plimsoll
