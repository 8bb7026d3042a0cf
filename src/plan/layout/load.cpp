#include "plan/layout/load.h"

#include <algorithm>

namespace plimsoll {
namespace {

constexpr std::uint64_t kLargestRead = 1U << 20U;

// Of the weights, what slots for loading may take beyond the first two: reading a little slower is better than not fitting.
constexpr std::uint64_t kShareOfSlots = 16;
constexpr std::uint64_t kLeastSlots = 2;

// Rows that one read takes: whole panels, at most about a mebibyte; a vector is one row.
std::int64_t rows_per_read(const Weight& weight, std::uint64_t row_bytes) {
  const auto panels =
      static_cast<std::int64_t>(kLargestRead / (std::max<std::uint64_t>(row_bytes, 1) * static_cast<std::uint64_t>(kPanelOutputs)));
  return std::min(weight.outputs, std::max<std::int64_t>(panels, 1) * kPanelOutputs);
}

// What the host keeps as the file has it is read straight into its place; to another device everything goes through a slot.
bool reads_in_place(const LayoutRequest& request, const PlannedWeight& planned, const BoundPart& part) {
  if (planned.home == Home::host) return true;
  return !request.is_accelerator() && planned.form.layout == WeightLayout::rows && planned.form.type == part.type && part.tensor != nullptr;
}

void schedule_weight(const LayoutRequest& request, WeightId id, Schedule& schedule, std::int32_t& next_slot) {
  const Weight& weight = request.program->weights[static_cast<std::size_t>(id)];
  const std::vector<BoundPart>& parts = request.binding->weights[static_cast<std::size_t>(id)];
  const bool in_place = reads_in_place(request, schedule.weights[static_cast<std::size_t>(id)], parts.front());
  const std::int64_t rows = rows_per_read(weight, stored_row_bytes(weight, parts));
  for (std::int64_t first = 0; first < weight.outputs; first += rows) {
    const std::int64_t count = std::min(rows, weight.outputs - first);
    const auto begin = static_cast<std::int32_t>(first);
    const auto outputs = static_cast<std::int32_t>(count);
    schedule.load.emplace_back(ReadWeightStep{id, begin, outputs, in_place ? -1 : next_slot});
    if (in_place) continue;
    schedule.load.emplace_back(PrepareWeightStep{id, begin, outputs, next_slot});
    next_slot = (next_slot + 1) % schedule.load_slots.count;
  }
}

}  // namespace

std::uint64_t load_slot_bytes(const LayoutRequest& request, WeightId id, const PlannedWeight& planned) {
  const Weight& weight = request.program->weights[static_cast<std::size_t>(id)];
  const std::vector<BoundPart>& parts = request.binding->weights[static_cast<std::size_t>(id)];
  if (reads_in_place(request, planned, parts.front())) return 0;
  const std::uint64_t row_bytes = stored_row_bytes(weight, parts);
  return align_place(static_cast<std::uint64_t>(rows_per_read(weight, row_bytes)) * row_bytes);
}

Slots load_slots(const LayoutRequest& request, std::uint64_t slot, std::uint64_t weights) {
  const auto threads = static_cast<std::uint64_t>(request.host->threads);
  const std::uint64_t few = slot > 0 ? std::max(weights / kShareOfSlots / slot, kLeastSlots) : threads;
  return {slot, static_cast<std::int32_t>(std::min(few, threads))};
}

void schedule_load(const LayoutRequest& request, std::uint64_t weights, Schedule& schedule) {
  std::vector<WeightId> loaded;
  std::uint64_t slot = 0;
  for (const Block& block : request.program->blocks) {
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op)) {
        const PlannedWeight& planned = schedule.weights[static_cast<std::size_t>(id)];
        if (planned.home == Home::disk) continue;
        loaded.push_back(id);
        slot = std::max(slot, load_slot_bytes(request, id, planned));
      }
    }
  }
  schedule.load_slots = load_slots(request, slot, weights);
  std::int32_t next_slot = 0;
  for (const WeightId id : loaded) schedule_weight(request, id, schedule, next_slot);
}

}  // namespace plimsoll
