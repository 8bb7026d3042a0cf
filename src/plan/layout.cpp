#include "plan/layout.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace plimsoll {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kLargestRead = 1U << 20U;

std::uint64_t align(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

ElementType value_type(ValueType type, ElementType compute) {
  if (type == ValueType::int32) return ElementType::int32;
  if (type == ValueType::float32) return ElementType::float32;
  return compute == ElementType::bfloat16 ? ElementType::bfloat16 : ElementType::float32;
}

std::int64_t value_rows(Dim dim, const Candidate& candidate) {
  switch (dim) {
    case Dim::tokens: return candidate.tokens_per_pass;
    case Dim::texts: return candidate.texts_per_pass;
    case Dim::text_bounds: return candidate.texts_per_pass + 1;
  }
  return 0;
}

// From the op that first writes a value (inputs: before the first) to the last that touches it.
std::vector<Interval> lifetimes(const Program& program, const std::vector<PlannedValue>& values, std::uint64_t red_zone) {
  std::vector<Interval> intervals(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto elements = static_cast<std::uint64_t>(values[i].rows * values[i].cols);
    intervals[i] = {align(elements * element_bytes(values[i].type) + red_zone), -1, -1};
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
    if (program.values[i].lifetime != Lifetime::op) intervals[i] = {intervals[i].bytes, -1, ordinal};
  }
  return intervals;
}

std::uint64_t place_values(const LayoutRequest& request, const Candidate& candidate, Schedule& schedule) {
  const Program& program = *request.program;
  for (const Value& value : program.values) {
    schedule.values.push_back({value_type(value.type, candidate.compute), 0, value_rows(value.rows, candidate), value.cols});
  }
  const Packing packing = pack_intervals(lifetimes(program, schedule.values, request.red_zone));
  for (std::size_t i = 0; i < schedule.values.size(); ++i) schedule.values[i].offset = packing.offsets[i];
  return packing.height;
}

WeightForm weight_form(const Weight& weight, ElementType stored, ElementType block_type, ElementType compute) {
  if (weight.role == WeightRole::vector) return {ElementType::float32, WeightLayout::rows};
  if (weight.role == WeightRole::table) {
    // Gathered rows are widened exactly, so a table keeps the narrower of the two types.
    const bool keep = element_bytes(stored) <= element_bytes(block_type);
    return {keep ? stored : block_type, WeightLayout::rows};
  }
  const bool panels = weight.outputs >= kPanelOutputs || compute == ElementType::bfloat16;
  return {block_type, panels ? WeightLayout::panels : WeightLayout::rows};
}

std::uint64_t place_weights(const LayoutRequest& request, const Candidate& candidate, Layout& layout) {
  const Program& program = *request.program;
  const auto blocks = static_cast<std::int64_t>(program.blocks.size());
  layout.schedule.weights.resize(program.weights.size());
  layout.block_bytes.assign(program.blocks.size(), 0);
  std::uint64_t height = 0;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const ElementType type = block_storage(candidate, b, blocks);
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      for (const WeightId id : op_weights(op)) {
        const auto i = static_cast<std::size_t>(id);
        PlannedWeight& planned = layout.schedule.weights[i];
        const Weight& weight = program.weights[i];
        planned.form = weight_form(weight, request.binding->weights[i].front().type, type, candidate.compute);
        planned.offset = height;
        planned.bytes = static_cast<std::uint64_t>(weight_bytes(planned.form, weight.outputs, weight.inputs));
        height += align(planned.bytes + request.red_zone);
        layout.block_bytes[static_cast<std::size_t>(b)] += align(planned.bytes + request.red_zone);
      }
    }
  }
  return height;
}

// Rows that one read takes: whole panels, at most about a mebibyte; a vector is one row.
std::int64_t rows_per_read(const Weight& weight, ElementType source) {
  const std::uint64_t row_bytes = std::max<std::uint64_t>(static_cast<std::uint64_t>(weight.inputs) * element_bytes(source), 1);
  const auto panels = static_cast<std::int64_t>(kLargestRead / (row_bytes * static_cast<std::uint64_t>(kPanelOutputs)));
  return std::min(weight.outputs, std::max<std::int64_t>(panels, 1) * kPanelOutputs);
}

// Appends the load steps of one weight and gives the bytes of the largest read that needs a slot.
std::uint64_t schedule_weight(const LayoutRequest& request, WeightId id, Schedule& schedule, std::int32_t& next_slot) {
  const Weight& weight = request.program->weights[static_cast<std::size_t>(id)];
  const BoundPart& part = request.binding->weights[static_cast<std::size_t>(id)].front();
  const WeightForm& form = schedule.weights[static_cast<std::size_t>(id)].form;
  const bool in_place = form.layout == WeightLayout::rows && form.type == part.type && part.tensor != nullptr;
  const std::int64_t rows = rows_per_read(weight, part.type);
  for (std::int64_t first = 0; first < weight.outputs; first += rows) {
    const std::int64_t count = std::min(rows, weight.outputs - first);
    schedule.load.emplace_back(ReadWeightStep{id, first, count, in_place ? -1 : next_slot});
    if (in_place) continue;
    schedule.load.emplace_back(PrepareWeightStep{id, first, count, next_slot});
    next_slot = (next_slot + 1) % schedule.slots;
  }
  return in_place ? 0 : align(static_cast<std::uint64_t>(rows * weight.inputs) * element_bytes(part.type));
}

void schedule_load(const LayoutRequest& request, Layout& layout) {
  Schedule& schedule = layout.schedule;
  schedule.slots = request.device->threads;
  std::int32_t next_slot = 0;
  for (const Block& block : request.program->blocks) {
    std::uint64_t& slot_bytes = layout.block_slot_bytes.emplace_back(0);
    for (const Op& op : block.ops) {
      for (const WeightId id : op_weights(op)) slot_bytes = std::max(slot_bytes, schedule_weight(request, id, schedule, next_slot));
    }
    schedule.slot_bytes = std::max(schedule.slot_bytes, slot_bytes);
  }
}

void schedule_pass(const Program& program, Schedule& schedule) {
  for (std::size_t block = 0; block < program.blocks.size(); ++block) {
    for (std::size_t op = 0; op < program.blocks[block].ops.size(); ++op) {
      schedule.pass.emplace_back(ComputeStep{static_cast<std::int32_t>(block), static_cast<std::int32_t>(op)});
    }
  }
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

// The intervals that have a place already, by each op during which they are alive: values of a deep network overlap few others.
class PlacedByTime {
 public:
  explicit PlacedByTime(const std::vector<Interval>& intervals) : seen_for_(intervals.size(), 0) {
    std::int64_t last = 0;
    for (const Interval& interval : intervals) {
      first_ = std::min(first_, interval.first);
      last = std::max(last, interval.last);
    }
    alive_.resize(static_cast<std::size_t>(last - first_ + 1));
  }

  void add(std::size_t index, const Interval& interval) {
    for (std::int64_t time = interval.first; time <= interval.last; ++time) at(time).push_back(index);
  }

  // By offset.
  std::vector<std::size_t> alive_with(const Interval& interval, const std::vector<std::uint64_t>& offsets) {
    std::vector<std::size_t> found;
    ++question_;
    for (std::int64_t time = interval.first; time <= interval.last; ++time) {
      for (const std::size_t other : at(time)) {
        if (std::exchange(seen_for_[other], question_) != question_) found.push_back(other);
      }
    }
    std::sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) { return offsets[a] < offsets[b]; });
    return found;
  }

 private:
  std::vector<std::size_t>& at(std::int64_t time) { return alive_[static_cast<std::size_t>(time - first_)]; }

  std::int64_t first_ = 0;
  std::vector<std::vector<std::size_t>> alive_;
  std::vector<std::size_t> seen_for_;  // the last question that an interval was found for
  std::size_t question_ = 0;
};

// Texts of a pass wait here with their tokens (DESIGN.md section 4).
Bytes io_bytes(const Workload& workload) { return std::max(mib(1), Bytes{workload.longest_text_bytes} * 4); }

}  // namespace

Packing pack_intervals(const std::vector<Interval>& intervals) {
  std::vector<std::size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return intervals[a].bytes > intervals[b].bytes; });
  Packing packing;
  packing.offsets.assign(intervals.size(), 0);
  PlacedByTime placed(intervals);
  for (const std::size_t i : order) {
    const Interval& interval = intervals[i];
    if (interval.bytes == 0) break;
    std::uint64_t offset = 0;
    for (const std::size_t other : placed.alive_with(interval, packing.offsets)) {
      if (packing.offsets[other] >= offset + interval.bytes) break;
      offset = std::max(offset, packing.offsets[other] + intervals[other].bytes);
    }
    packing.offsets[i] = offset;
    packing.height = std::max(packing.height, offset + interval.bytes);
    placed.add(i, interval);
  }
  return packing;
}

Bytes Layout::arena_total() const {
  return std::accumulate(arenas.begin(), arenas.end(), Bytes{}, [](Bytes a, Bytes b) { return a + b; });
}

Layout lay_out(const LayoutRequest& request, const Candidate& candidate) {
  Layout layout;
  layout.schedule.compute = candidate.compute;
  const auto set = [&](MemoryTag tag, Bytes bytes) { layout.arenas[static_cast<std::size_t>(tag)] = round_to_pages(bytes); };
  set(MemoryTag::weights, Bytes{place_weights(request, candidate, layout)});
  set(MemoryTag::activations, Bytes{place_values(request, candidate, layout.schedule)});
  layout.schedule.workspace = workspace_needs(request, candidate);
  schedule_load(request, layout);
  schedule_pass(*request.program, layout.schedule);
  set(MemoryTag::workspace, Bytes{static_cast<std::uint64_t>(request.device->workspace_bytes(layout.schedule.workspace))});
  set(MemoryTag::staging, Bytes{layout.schedule.slot_bytes * static_cast<std::uint64_t>(layout.schedule.slots)});
  set(MemoryTag::tables, request.tables);
  set(MemoryTag::io, io_bytes(request.workload));
  return layout;
}

}  // namespace plimsoll
