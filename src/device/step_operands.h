#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "device/step.h"

namespace plimsoll {

/// A range of memory that a step reads or writes. Its data is never followed here.
struct Operand {
  std::string_view name;  ///< "linear layer: bias"
  std::span<const std::byte> bytes;
};

/// Calls visit(operand) for every operand that is there. Shapes that make no sense are left to the kernels, which refuse them.
template <typename Visit>
void visit_operands(const Step& step, Visit&& visit);

namespace operands {

inline std::span<const std::byte> range(const void* data, std::int64_t bytes) {
  if (data == nullptr || bytes <= 0) return {};
  return {static_cast<const std::byte*>(data), static_cast<std::size_t>(bytes)};
}
inline std::span<const std::byte> range(const MatrixView& m) {
  if (m.rows <= 0 || m.cols <= 0 || m.stride < m.cols) return {};
  return range(m.data, static_cast<std::int64_t>(matrix_bytes(m)));
}
inline std::span<const std::byte> range(const WeightView& w) { return range(w.data, weight_bytes(w.form, w.outputs, w.inputs)); }
inline std::span<const std::byte> range(const float* values, std::int64_t count) {
  return range(static_cast<const void*>(values), count * 4);
}
inline std::span<const std::byte> range(const std::int32_t* values, std::int64_t count) {
  return range(static_cast<const void*>(values), count * 4);
}

template <typename Visit>
void list(const EmbedStep& s, Visit&& visit) {
  visit(Operand{"embedding: words", range(s.words)});
  visit(Operand{"embedding: positions", range(s.positions)});
  visit(Operand{"embedding: types", range(s.types)});
  visit(Operand{"embedding: ids", range(s.ids, s.out.rows)});
  visit(Operand{"embedding: position ids", range(s.position_ids, s.positions.data != nullptr ? s.out.rows : 0)});
  visit(Operand{"embedding: type ids", range(s.type_ids, s.types.data != nullptr ? s.out.rows : 0)});
  visit(Operand{"embedding: out", range(s.out)});
}
template <typename Visit>
void list(const LayerNormStep& s, Visit&& visit) {
  visit(Operand{"layer norm: x", range(s.x)});
  visit(Operand{"layer norm: residual", range(s.residual)});
  visit(Operand{"layer norm: gamma", range(s.gamma, s.out.cols)});
  visit(Operand{"layer norm: beta", range(s.beta, s.out.cols)});
  visit(Operand{"layer norm: out", range(s.out)});
}
template <typename Visit>
void list(const LinearStep& s, Visit&& visit) {
  visit(Operand{"linear layer: x", range(s.x)});
  visit(Operand{"linear layer: weight", range(s.weight)});
  visit(Operand{"linear layer: bias", range(s.bias, s.weight.outputs)});
  visit(Operand{"linear layer: out", range(s.out)});
}
template <typename Visit>
void list(const AttentionStep& s, Visit&& visit) {
  visit(Operand{"attention: qkv", range(s.qkv)});
  visit(Operand{"attention: text starts", range(s.text_starts.data(), static_cast<std::int64_t>(s.text_starts.size()))});
  visit(Operand{"attention: out", range(s.out)});
}
template <typename Visit>
void list(const GatherRowsStep& s, Visit&& visit) {
  visit(Operand{"gather: x", range(s.x)});
  visit(Operand{"gather: rows", range(s.rows, s.out.rows)});
  visit(Operand{"gather: out", range(s.out)});
}
template <typename Visit>
void list(const PrepareStep& s, Visit&& visit) {
  visit(Operand{"prepare: source", range(s.source, s.outputs * s.inputs * static_cast<std::int64_t>(element_bytes(s.source_type)))});
  visit(Operand{"prepare: destination", range(s.destination, weight_bytes(s.form, s.total_outputs, s.inputs))});
}

}  // namespace operands

template <typename Visit>
void visit_operands(const Step& step, Visit&& visit) {
  std::visit([&](const auto& kind) { operands::list(kind, visit); }, step);
}

}  // namespace plimsoll
