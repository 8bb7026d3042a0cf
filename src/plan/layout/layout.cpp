#include "plan/layout/layout.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "plan/candidates/residency.h"
#include "plan/layout/load.h"
#include "plan/layout/packing.h"
#include "plan/layout/ring.h"
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
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!seen[i] && program.values[i].lifetime == Lifetime::op) intervals[i].bytes = 0;  // another stage's
  }
  return intervals;
}

// Values that live so long, one behind the other from `offset` on; the rest is left to pack. Gives the end of the last.
template <typename Wanted>
std::uint64_t place_lasting(const Program& program, std::uint64_t offset, std::vector<PlannedValue>& values,
                            std::vector<Interval>& intervals, Wanted wanted) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!wanted(program.values[i].lifetime)) continue;
    values[i].offset = offset;
    offset += std::exchange(intervals[i].bytes, 0);
  }
  return offset;
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

Share join(const Share& a, const Share& b) {
  return {a.weights + b.weights, std::max(a.activations, b.activations), std::max(a.workspace, b.workspace),
          b.ring > 0 ? block_ceiling(a.ring) + b.ring : a.ring, std::max(a.load, b.load)};
}

TagBytes arenas_of(const Share& share) {
  TagBytes arenas{};
  const auto set = [&](MemoryTag tag, std::uint64_t bytes) { arenas[static_cast<std::size_t>(tag)] = round_to_pages(Bytes{bytes}); };
  set(MemoryTag::weights, share.weights);
  set(MemoryTag::activations, share.activations);
  set(MemoryTag::workspace, share.workspace);
  set(MemoryTag::staging, std::max(share.ring, share.load));
  return arenas;
}

Bytes arena_total(const TagBytes& arenas) {
  return std::accumulate(arenas.begin(), arenas.end(), Bytes{}, [](Bytes a, Bytes b) { return a + b; });
}

void add_host_arenas(const LayoutRequest& request, TagBytes& arenas) {
  arenas[static_cast<std::size_t>(MemoryTag::tables)] = round_to_pages(request.tables);
  arenas[static_cast<std::size_t>(MemoryTag::io)] = round_to_pages(io_bytes(request.workload));
}

std::uint64_t measure_staging(const LayoutRequest& request, const Candidate& candidate, const SlotRing& ring, const Slots& load,
                              Share& host, Share& device) {
  host.load = load.total();
  if (!request.is_accelerator()) {
    host.ring = ring.host.total() + ring.prepared_bytes;
    return 0;
  }
  const std::uint64_t gathered_offset = block_ceiling(ring.host.total());
  std::uint64_t gathered = 0;
  if (const WeightId table = candidate.gathers() ? gatherable_table(*request.program, *request.binding) : kNone; table != kNone) {
    const auto i = static_cast<std::size_t>(table);
    gathered =
        static_cast<std::uint64_t>(candidate.tokens_per_pass) * stored_row_bytes(request.program->weights[i], request.binding->weights[i]);
  }
  host.ring = gathered > 0 ? gathered_offset + gathered : ring.host.total();
  device.load = load.total();
  device.ring = ring.device.total() + ring.prepared_bytes;
  return gathered_offset;
}

std::uint64_t place_values(const LayoutRequest& request, Schedule& schedule) {
  std::vector<Interval> intervals = lifetimes(*request.program, schedule.values, request.red_zone);
  const auto handed_on = [](Lifetime lifetime) { return lifetime == Lifetime::stage; };
  const std::uint64_t pass_values = place_lasting(*request.program, 0, schedule.values, intervals, outlives_stages);
  schedule.pass_bytes = round_to_pages(Bytes{pass_values}).count;
  const std::uint64_t packed_from = place_lasting(*request.program, schedule.pass_bytes, schedule.values, intervals, handed_on);
  schedule.stage_bytes = packed_from - schedule.pass_bytes;
  Packing packing = pack_intervals(intervals);
  add_gathered_rows(request, schedule, intervals, packing);
  const std::size_t values = schedule.values.size();
  for (std::size_t i = 0; i < values; ++i) {
    if (request.program->values[i].lifetime == Lifetime::op) schedule.values[i].offset = packed_from + packing.offsets[i];
  }
  if (schedule.gathered.weight != kNone) {
    schedule.gathered.raw_offset = packed_from + packing.offsets[values];
    schedule.gathered.offset = packed_from + packing.offsets.back();
  }
  return packed_from + packing.height;
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

Bytes io_bytes(const Workload& workload) {
  // What encoding takes of a token while its list grows, in both texts of a pair, and in the encoding that is made of them.
  static constexpr std::uint64_t kBytesPerToken = 128;
  const Bytes text{workload.longest_text_bytes};
  const Bytes tokens = Bytes{kBytesPerToken} * static_cast<std::uint64_t>(workload.longest);
  return std::max({mib(1), text * 4, text + tokens});
}

WeightHeights place_weights(const LayoutRequest& request, Schedule& schedule) { return WeightPlacer(request, schedule).place(); }

Layout lay_out(const LayoutRequest& request, const Candidate& candidate) {
  Layout layout;
  Schedule& schedule = layout.schedule;
  schedule = assign_forms(request, candidate);
  const WeightHeights weights = place_weights(request, schedule);
  const std::uint64_t values = place_values(request, schedule);
  schedule.workspace = workspace_needs(request, candidate);
  schedule_load(request, weights.device + weights.host, schedule);
  schedule.ring = measure_ring(request, candidate);
  cut_chunks(request, candidate, schedule);
  schedule_pass(*request.program, schedule);

  Share& computing = request.is_accelerator() ? layout.device : layout.host;
  layout.host.weights = weights.host;
  computing.weights = weights.device;
  layout.host.activations = schedule.pass_bytes + schedule.stage_bytes;  // inputs and answers are on both sides
  computing.activations = values;
  computing.workspace = static_cast<std::uint64_t>(request.device->workspace_bytes(schedule.workspace));
  schedule.gathered.host_offset = measure_staging(request, candidate, schedule.ring, schedule.load_slots, layout.host, layout.device);
  layout.arenas.push_back(arenas_of(layout.host));
  if (request.is_accelerator()) layout.arenas.push_back(arenas_of(layout.device));
  add_host_arenas(request, layout.arenas.front());
  return layout;
}

}  // namespace plimsoll
