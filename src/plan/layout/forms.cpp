#include "plan/layout/forms.h"

#include <algorithm>

#include "plan/candidates/residency.h"

namespace plimsoll {
namespace {

ElementType value_type(ValueType type, ElementType compute) {
  if (type == ValueType::int32) return ElementType::int32;
  if (type == ValueType::float32) return ElementType::float32;
  return compute == ElementType::bfloat16 ? ElementType::bfloat16 : ElementType::float32;
}

// What lives as long as the pass has room for what a session has room for already.
std::int64_t value_rows(const Value& value, const Candidate& candidate, const Workload& workload) {
  const bool held = outlives_stages(value.lifetime);
  const std::int64_t tokens = held ? std::max(candidate.tokens_per_pass, workload.held_tokens) : candidate.tokens_per_pass;
  const std::int64_t texts = held ? std::max(candidate.texts_per_pass, workload.held_texts) : candidate.texts_per_pass;
  switch (value.rows) {
    case Dim::tokens: return tokens;
    case Dim::texts: return texts;
    case Dim::text_bounds: return texts + 1;
  }
  return 0;
}

WeightForm resident_form(const Weight& weight, ElementType stored, ElementType storage, ElementType compute, bool packs) {
  if (weight.role == WeightRole::vector) return {ElementType::float32, WeightLayout::rows};
  if (weight.role == WeightRole::table) {
    // Gathered rows are widened exactly, so a table keeps the narrower of the two types.
    const bool keep = element_bytes(stored) <= element_bytes(storage);
    return {keep ? stored : storage, WeightLayout::rows};
  }
  const bool panels = packs && (weight.outputs >= kPanelOutputs || compute == ElementType::bfloat16);
  return {storage, panels ? WeightLayout::panels : WeightLayout::rows};
}

// Rows as the file has them, unless they have to be narrowed first: products in float32 read any type.
WeightForm streamed_form(ElementType stored, ElementType storage) {
  return {storage == ElementType::float32 ? stored : storage, WeightLayout::rows};
}

}  // namespace

std::uint64_t stored_row_bytes(const Weight& weight, const std::vector<BoundPart>& parts) {
  return static_cast<std::uint64_t>(weight.inputs) * element_bytes(parts.front().type);
}

std::vector<Home> block_homes(const Candidate& candidate, const std::vector<std::int64_t>& order, std::size_t blocks) {
  if (candidate.homes != nullptr) return *candidate.homes;
  std::vector<Home> homes(blocks, Home::device);
  const std::int64_t resident = std::max<std::int64_t>(std::ssize(order) - candidate.streamed_blocks, 0);
  for (std::int64_t i = resident; i < std::ssize(order); ++i) {
    const bool host = i < resident + candidate.host_blocks;
    homes[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = host ? Home::host : Home::disk;
  }
  return homes;
}

Schedule assign_forms(const LayoutRequest& request, const Candidate& candidate) {
  const Program& program = *request.program;
  Schedule schedule;
  schedule.device = candidate.device;
  schedule.compute = candidate.compute;
  PlannedWeight unused;
  unused.home = Home::disk;
  schedule.weights.assign(program.weights.size(), unused);
  const auto blocks = static_cast<std::int64_t>(program.blocks.size());
  const std::vector<Home> homes = block_homes(candidate, residency_order(program, *request.binding), program.blocks.size());
  if (candidate.gathers()) schedule.gathered.weight = gatherable_table(program, *request.binding);
  for (std::int64_t b = 0; b < blocks; ++b) {
    const ElementType storage = block_storage(candidate, b, blocks);
    for (const Op& op : program.blocks[static_cast<std::size_t>(b)].ops) {
      for (const WeightId id : op_weights(op)) {
        const auto i = static_cast<std::size_t>(id);
        const Weight& weight = program.weights[i];
        const std::vector<BoundPart>& parts = request.binding->weights[i];
        const Home home = can_stream(weight, parts) ? homes[static_cast<std::size_t>(b)] : Home::device;
        PlannedWeight& planned = schedule.weights[i];
        planned.form = home == Home::device
                           ? resident_form(weight, parts.front().type, storage, candidate.compute, request.device->packs_weights)
                           : streamed_form(parts.front().type, storage);
        planned.home = home;
        if (id == schedule.gathered.weight) planned.home = candidate.table;
        planned.bytes = static_cast<std::uint64_t>(weight_bytes(planned.form, weight.outputs, weight.inputs));
      }
    }
  }
  for (const Value& value : program.values)
    schedule.values.push_back({value_type(value.type, candidate.compute), 0, value_rows(value, candidate, request.workload), value.cols});
  return schedule;
}

}  // namespace plimsoll
