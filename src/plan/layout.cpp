#include "plan/layout.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "plan/load.h"
#include "plan/packing.h"
#include "plan/residency.h"
#include "plan/ring.h"
#include "platform/direct_block.h"

namespace plimsoll {
namespace {

// From the op that first writes a value (inputs: before the first) to the last that touches it.
std::vector<Interval> lifetimes(const Program& program, const std::vector<PlannedValue>& values, std::uint64_t red_zone) {
  std::vector<Interval> intervals(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto elements = static_cast<std::uint64_t>(values[i].rows * values[i].cols);
    intervals[i] = {align_place(elements * element_bytes(values[i].type) + red_zone), -1, -1};
  }
  std::int64_t ordinal = 0;
  std::vector<bool> seen(values.size(), false);
  const auto touch = [&](ValueId id) {
    Interval& interval = intervals[static_cast<std::size_t>(id)];
    if (!seen[static_cast<std::size_t>(id)]) interval.first = ordinal;
    seen[static_cast<std::size_t>(id)] = true;
    interval.last = ordinal;
  };
  for (const Block& block : program.blocks) {
    for (const Op& op : block.ops) {
      const OpValues used = op_values(op);
      for (const ValueId id : used.reads) touch(id);
      touch(used.writes);
      ++ordinal;
    }
  }
  return intervals;
}

// Values that live as long as the pass, one behind the other; the rest is left to pack.
std::uint64_t place_pass_values(const Program& program, std::vector<PlannedValue>& values, std::vector<Interval>& intervals) {
  std::uint64_t height = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (program.values[i].lifetime == Lifetime::op) continue;
    values[i].offset = height;
    height += std::exchange(intervals[i].bytes, 0);
  }
  return round_to_pages(Bytes{height}).count;
}

// Places for the rows that a pass fetches of the gathered table: as stored and, where that differs, as planned. Used by the first op.
void add_gathered_rows(const LayoutRequest& request, const Schedule& schedule, std::vector<Interval>& intervals, Packing& packing) {
  const WeightId id = schedule.gathered.weight;
  if (id == kNone) return;
  const Weight& table = request.program->weights[static_cast<std::size_t>(id)];
  const ElementType stored = request.binding->weights[static_cast<std::size_t>(id)].front().type;
  const ElementType planned = schedule.weights[static_cast<std::size_t>(id)].form.type;
  const ValueId embedded = op_values(request.program->blocks.front().ops.front()).writes;
  const auto rows = static_cast<std::uint64_t>(schedule.values[static_cast<std::size_t>(embedded)].rows * table.inputs);
  pack_beside(intervals, packing, {align_place(rows * element_bytes(stored) + request.red_zone), 0, 0});
  if (planned != stored) pack_beside(intervals, packing, {align_place(rows * element_bytes(planned) + request.red_zone), 0, 0});
}

/// Gives weights their places: those that always stay, then blocks in the order in which they stay, then the table whose rows could be
/// gathered instead. What a tighter plan does without is at the end.
class WeightPlacer {
 public:
  WeightPlacer(const LayoutRequest& request, Schedule& schedule) : request_(request), schedule_(schedule) {}

  WeightHeights place() {
    const Program& program = *request_.program;
    const WeightId table = gatherable_table(program, *request_.binding);
    for (const Block& block : program.blocks) place_block(block, [&](WeightId id) { return id != table && !streams(id); });
    for (const std::int64_t b : residency_order(program, *request_.binding))
      place_block(program.blocks[static_cast<std::size_t>(b)], [&](WeightId id) { return streams(id); });
    if (table != kNone) place_weight(table);
    return heights_;
  }

 private:
  bool streams(WeightId id) const {
    const auto i = static_cast<std::size_t>(id);
    return can_stream(request_.program->weights[i], request_.binding->weights[i]);
  }

  template <typename Wanted>
  void place_block(const Block& block, Wanted wanted) {
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op)) {
        if (wanted(id)) place_weight(id);
      }
    }
  }

  void place_weight(WeightId id) {
    PlannedWeight& planned = schedule_.weights[static_cast<std::size_t>(id)];
    if (planned.home == Home::disk) return;
    std::uint64_t& height = planned.home == Home::device ? heights_.device : heights_.host;
    planned.offset = height;
    height += align_place((planned.home == Home::device ? planned.bytes : stored_bytes(request_, id)) + request_.red_zone);
  }

  const LayoutRequest& request_;
  Schedule& schedule_;
  WeightHeights heights_;
};

}  // namespace

std::uint64_t stored_bytes(const LayoutRequest& request, WeightId id) {
  const Weight& weight = request.program->weights[static_cast<std::size_t>(id)];
  return static_cast<std::uint64_t>(weight.outputs) * stored_row_bytes(weight, request.binding->weights[static_cast<std::size_t>(id)]);
}

Staging measure_staging(const LayoutRequest& request, const Candidate& candidate, const SlotRing& ring, const Slots& load) {
  Staging staging;
  if (!request.is_accelerator()) {
    staging.host = std::max(load.total(), ring.host.total() + ring.prepared_bytes);
    return staging;
  }
  staging.gathered_offset = block_ceiling(ring.host.total());
  std::uint64_t gathered = 0;
  if (candidate.gathers()) {
    const WeightId table = gatherable_table(*request.program, *request.binding);
    const auto i = static_cast<std::size_t>(table);
    gathered =
        static_cast<std::uint64_t>(candidate.tokens_per_pass) * stored_row_bytes(request.program->weights[i], request.binding->weights[i]);
  }
  staging.host = std::max(load.total(), staging.gathered_offset + gathered);
  staging.device = std::max(load.total(), ring.device.total() + ring.prepared_bytes);
  return staging;
}

std::uint64_t place_values(const LayoutRequest& request, Schedule& schedule) {
  std::vector<Interval> intervals = lifetimes(*request.program, schedule.values, request.red_zone);
  schedule.pass_bytes = place_pass_values(*request.program, schedule.values, intervals);
  Packing packing = pack_intervals(intervals);
  add_gathered_rows(request, schedule, intervals, packing);
  const std::size_t values = schedule.values.size();
  for (std::size_t i = 0; i < values; ++i) {
    if (request.program->values[i].lifetime == Lifetime::op) schedule.values[i].offset = schedule.pass_bytes + packing.offsets[i];
  }
  if (schedule.gathered.weight != kNone) {
    schedule.gathered.raw_offset = schedule.pass_bytes + packing.offsets[values];
    schedule.gathered.offset = schedule.pass_bytes + packing.offsets.back();
  }
  return schedule.pass_bytes + packing.height;
}

WorkspaceNeeds workspace_needs(const LayoutRequest& request, const Candidate& candidate) {
  WorkspaceNeeds needs;
  for (const Weight& weight : request.program->weights) {
    if (weight.role == WeightRole::matrix) needs.largest_inputs = std::max(needs.largest_inputs, weight.inputs);
  }
  needs.longest_text = request.workload.longest;
  needs.head_dim = request.program->head_dim;
  needs.threads = request.device->threads;
  needs.tokens = std::max(candidate.tokens_per_pass, candidate.texts_per_pass);
  return needs;
}

Bytes io_bytes(const Workload& workload) { return std::max(mib(1), Bytes{workload.longest_text_bytes} * 4); }

WeightHeights place_weights(const LayoutRequest& request, Schedule& schedule) { return WeightPlacer(request, schedule).place(); }

Bytes Layout::arena_total(std::size_t device) const {
  return std::accumulate(arenas[device].begin(), arenas[device].end(), Bytes{}, [](Bytes a, Bytes b) { return a + b; });
}

Layout lay_out(const LayoutRequest& request, const Candidate& candidate) {
  Layout layout;
  Schedule& schedule = layout.schedule;
  schedule = assign_forms(request, candidate);
  const WeightHeights weights = place_weights(request, schedule);
  const std::uint64_t values = place_values(request, schedule);
  schedule.workspace = workspace_needs(request, candidate);
  schedule_load(request, schedule);
  schedule.ring = measure_ring(request, candidate);
  cut_chunks(request, candidate, schedule);
  schedule_pass(*request.program, schedule);
  const Staging staging = measure_staging(request, candidate, schedule.ring, schedule.load_slots);
  schedule.gathered.host_offset = staging.gathered_offset;

  const std::size_t device = request.is_accelerator() ? 1 : 0;
  layout.arenas.resize(device + 1);
  const auto set = [&](std::size_t where, MemoryTag tag, std::uint64_t bytes) {
    layout.arenas[where][static_cast<std::size_t>(tag)] = round_to_pages(Bytes{bytes});
  };
  set(0, MemoryTag::weights, weights.host);
  set(device, MemoryTag::weights, weights.device);
  set(device, MemoryTag::activations, values);
  set(device, MemoryTag::workspace, static_cast<std::uint64_t>(request.device->workspace_bytes(schedule.workspace)));
  set(0, MemoryTag::staging, staging.host);
  if (request.is_accelerator()) {
    set(0, MemoryTag::activations, schedule.pass_bytes);  // a pass's inputs and answers are on both sides
    set(device, MemoryTag::staging, staging.device);
  }
  set(0, MemoryTag::tables, request.tables.count);
  set(0, MemoryTag::io, io_bytes(request.workload).count);
  return layout;
}

}  // namespace plimsoll
