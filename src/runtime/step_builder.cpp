#include "runtime/step_builder.h"

namespace plimsoll {
namespace {

std::int64_t rows_of(Dim dim, PassSize size) {
  switch (dim) {
    case Dim::tokens: return size.tokens;
    case Dim::texts: return size.texts;
    case Dim::text_bounds: return size.texts + 1;
  }
  return 0;
}

}  // namespace

MatrixView StepBuilder::value(ValueId id, PassSize size) const {
  if (id == kNone) return {};
  const PlannedValue& planned = schedule_.values[static_cast<std::size_t>(id)];
  std::byte* data = reservation_.bytes(MemoryTag::activations).data() + planned.offset;
  return {data, rows_of(program_.values[static_cast<std::size_t>(id)].rows, size), planned.cols, planned.cols, planned.type};
}

std::int32_t* StepBuilder::integers(ValueId id) const { return reinterpret_cast<std::int32_t*>(value(id, {}).data); }

WeightView StepBuilder::weight(WeightId id) const {
  if (id == kNone) return {};
  const PlannedWeight& planned = schedule_.weights[static_cast<std::size_t>(id)];
  const Weight& weight = program_.weights[static_cast<std::size_t>(id)];
  return {reservation_.bytes(MemoryTag::weights).data() + planned.offset, planned.form, weight.outputs, weight.inputs};
}

const float* StepBuilder::vector(WeightId id) const { return reinterpret_cast<const float*>(weight(id).data); }

Step StepBuilder::build(const Op& op, PassSize size) const {
  if (const auto* o = std::get_if<EmbedOp>(&op)) {
    return EmbedStep{weight(o->words),          weight(o->positions),  weight(o->types),   integers(o->ids),
                     integers(o->position_ids), integers(o->type_ids), value(o->out, size)};
  }
  if (const auto* o = std::get_if<LayerNormOp>(&op)) {
    return LayerNormStep{value(o->x, size), value(o->residual, size), vector(o->gamma), vector(o->beta), o->epsilon, value(o->out, size)};
  }
  if (const auto* o = std::get_if<LinearOp>(&op)) {
    return LinearStep{value(o->x, size), weight(o->weight), vector(o->bias), o->activation, value(o->out, size)};
  }
  if (const auto* o = std::get_if<AttentionOp>(&op)) {
    const std::span<const std::int32_t> starts(integers(o->text_starts), static_cast<std::size_t>(size.texts + 1));
    return AttentionStep{value(o->qkv, size), starts, o->heads, o->head_dim, o->scale, value(o->out, size)};
  }
  const auto& o = std::get<GatherFirstOp>(op);
  return GatherRowsStep{value(o.x, size), integers(o.text_starts), value(o.out, size)};
}

}  // namespace plimsoll
