#include "runtime/step_builder.h"

namespace plimsoll {
namespace {

std::int64_t first_row_of(Dim dim, PassSize size) { return dim == Dim::tokens ? size.first_token : size.first_text; }

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
  const Value& value = program_.values[static_cast<std::size_t>(id)];
  const std::int64_t first = outlives_stages(value.lifetime) ? first_row_of(value.rows, size) : 0;
  std::byte* data = activations(planned.offset) + first * planned.cols * static_cast<std::int64_t>(element_bytes(planned.type));
  return {data, rows_of(value.rows, size), planned.cols, planned.cols, planned.type};
}

std::int32_t* StepBuilder::integers(ValueId id, PassSize size) const { return reinterpret_cast<std::int32_t*>(value(id, size).data); }

std::byte* StepBuilder::activations(std::uint64_t offset) const {
  return offset < schedule_.pass_bytes ? arenas_.pass_values + offset : arenas_.activations + (offset - schedule_.pass_bytes);
}

WeightView StepBuilder::weight(WeightId id) const {
  if (id == kNone) return {};
  const PlannedWeight& planned = schedule_.weights[static_cast<std::size_t>(id)];
  const Weight& weight = program_.weights[static_cast<std::size_t>(id)];
  return {arenas_.weights + planned.offset, planned.form, weight.outputs, weight.inputs};
}

// The rows that the pass fetched stand for the whole table.
WeightView StepBuilder::words(const EmbedOp& op, PassSize size) const {
  if (op.words != schedule_.gathered.weight) return weight(op.words);
  return {activations(schedule_.gathered.offset), schedule_.weights[static_cast<std::size_t>(op.words)].form, size.tokens,
          program_.weights[static_cast<std::size_t>(op.words)].inputs};
}

LinearStep StepBuilder::build(const LinearOp& op, PassSize size, const Chunk& chunk, const std::byte* data) const {
  const Weight& whole = program_.weights[static_cast<std::size_t>(op.weight)];
  MatrixView columns = value(op.out, size);
  columns.data += chunk.first_output * static_cast<std::int64_t>(element_bytes(columns.type));
  columns.cols = chunk.outputs;
  const WeightView rows{data, schedule_.weights[static_cast<std::size_t>(op.weight)].form, chunk.outputs, whole.inputs};
  const float* bias = vector(op.bias);
  return {value(op.x, size), rows, bias != nullptr ? bias + chunk.first_output : nullptr, op.activation, columns};
}

const float* StepBuilder::vector(WeightId id) const { return reinterpret_cast<const float*>(weight(id).data); }

Step StepBuilder::build(const Op& op, PassSize size) const {
  if (const auto* o = std::get_if<EmbedOp>(&op)) {
    const bool gathered = o->words == schedule_.gathered.weight;
    return EmbedStep{words(*o, size),
                     weight(o->positions),
                     weight(o->types),
                     gathered ? nullptr : integers(o->ids, size),
                     integers(o->position_ids, size),
                     integers(o->type_ids, size),
                     value(o->out, size)};
  }
  if (const auto* o = std::get_if<LayerNormOp>(&op)) {
    return LayerNormStep{value(o->x, size), value(o->residual, size), vector(o->gamma), vector(o->beta), o->epsilon, value(o->out, size)};
  }
  if (const auto* o = std::get_if<LinearOp>(&op)) {
    return LinearStep{value(o->x, size), weight(o->weight), vector(o->bias), o->activation, value(o->out, size)};
  }
  if (const auto* o = std::get_if<AttentionOp>(&op)) {
    const std::span<const std::int32_t> starts(integers(o->text_starts, size), static_cast<std::size_t>(size.texts + 1));
    return AttentionStep{value(o->qkv, size), starts, o->heads, o->head_dim, o->scale, value(o->out, size)};
  }
  const auto& o = std::get<GatherFirstOp>(op);
  return GatherRowsStep{value(o.x, size), integers(o.text_starts, size), value(o.out, size)};
}

}  // namespace plimsoll
