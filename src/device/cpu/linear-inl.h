#pragma once

#include "device/cpu/kernel_table.h"
#include "device/cpu/math-inl.h"
#include "device/cpu/pack-inl.h"
#include "device/cpu/tile-inl.h"
#include "device/cpu/work.h"

namespace plimsoll::cpu {

template <typename Simd, Activation kind>
void finish_rows(const LinearStep& step, const LinearItem& item, const float* sums) {
  const std::int64_t first = item.panel * kPanelOutputs;
  const std::int64_t columns = std::min(kPanelOutputs, step.weight.outputs - first);
  const auto size = static_cast<std::int64_t>(element_bytes(step.out.type));
  for (std::int64_t row = item.row_begin; row < item.row_end; ++row, sums += kProductColumns) {
    std::byte* out = step.out.data + (row * step.out.stride + first) * size;
    for (std::int64_t column = 0; column < columns; column += Simd::kLanes) {
      const std::int64_t n = columns - column;
      auto value = Simd::load(sums + column);
      if (step.bias != nullptr) value = Simd::add(value, Simd::load(step.bias + first + column, n));
      store_as<Simd>(step.out.type, out + column * size, activate<Simd, kind>(value), n);
    }
  }
}

template <typename Simd>
void finish_rows(const LinearStep& step, const LinearItem& item, const float* sums) {
  switch (step.activation) {
    case Activation::none: return finish_rows<Simd, Activation::none>(step, item, sums);
    case Activation::gelu: return finish_rows<Simd, Activation::gelu>(step, item, sums);
    case Activation::gelu_tanh: return finish_rows<Simd, Activation::gelu_tanh>(step, item, sums);
    case Activation::relu: return finish_rows<Simd, Activation::relu>(step, item, sums);
    case Activation::silu: return finish_rows<Simd, Activation::silu>(step, item, sums);
    case Activation::tanh: return finish_rows<Simd, Activation::tanh>(step, item, sums);
  }
}

/// Brings units [first, first + units) of one panel's weights into panel form in `out`.
template <typename Dot>
void pack_weights(const WeightView& weight, std::int64_t panel, std::int64_t first, std::int64_t units, std::byte* out) {
  using Simd = typename Dot::Simd;
  if (weight.form.layout == WeightLayout::panels) {
    const std::int64_t bytes = weight_bytes(weight.form, kPanelOutputs, weight.inputs);
    return widen_panel<Simd>(weight.form.type, weight.data + panel * bytes, first, units, out);
  }
  RowBlock block;
  block.stride = weight.inputs * static_cast<std::int64_t>(element_bytes(weight.form.type));
  block.data = weight.data + panel * kPanelOutputs * block.stride;
  block.rows = std::min(kPanelOutputs, weight.outputs - panel * kPanelOutputs);
  block.elements = weight.inputs;
  if constexpr (Dot::kPairs) {
    pack_block<Simd, ElementType::bfloat16, true>(block, first, units, kPanelOutputs, out);
  } else {
    switch (weight.form.type) {
      case ElementType::float32: return pack_block<Simd, ElementType::float32, false>(block, first, units, kPanelOutputs, out);
      case ElementType::bfloat16: return pack_block<Simd, ElementType::bfloat16, false>(block, first, units, kPanelOutputs, out);
      case ElementType::float16: return pack_block<Simd, ElementType::float16, false>(block, first, units, kPanelOutputs, out);
      default: return pack_block<Simd, ElementType::float64, false>(block, first, units, kPanelOutputs, out);
    }
  }
}

/// Where the weights lie that the next block of units will read: further on in this panel, or from the start of the
/// panel that this thread will probably get next.
template <typename Dot>
Ahead next_weights(const WeightView& weight, const LinearItem& item, std::int64_t next, std::int64_t block) {
  const std::int64_t units = Dot::kPairs ? (weight.inputs + 1) / 2 : weight.inputs;
  const std::int64_t panel = next < units ? item.panel : item.next_panel;
  const std::int64_t first = next < units ? next : 0;
  const std::int64_t count = std::min(block, units - first);
  const std::int64_t outputs = weight.outputs - panel * kPanelOutputs;
  if (outputs <= 0) return {};
  const auto size = static_cast<std::int64_t>(element_bytes(weight.form.type));
  const std::int64_t unit_bytes = Dot::kPairs ? 2 * size : size;
  if (weight.form.layout == WeightLayout::panels) {
    const std::int64_t bytes = weight_bytes(weight.form, kPanelOutputs, weight.inputs);
    return Ahead{weight.data + panel * bytes + first * unit_bytes * kPanelOutputs, 1, count * unit_bytes * kPanelOutputs, 0};
  }
  const std::int64_t row_bytes = weight.inputs * size;
  const std::byte* data = weight.data + panel * kPanelOutputs * row_bytes + first * unit_bytes;
  return Ahead{data, std::min(kPanelOutputs, outputs), count * unit_bytes, row_bytes};
}

/// One panel of outputs for some rows. Weights are used in place where they lie in the form that the product reads,
/// otherwise packed through scratch into exactly that form, so that both give the same bits.
template <typename Dot>
void linear_item(const LinearStep& step, const LinearItem& item, std::byte* scratch) {
  const WeightView& weight = step.weight;
  const bool in_place = used_in_place(step);
  const std::int64_t units = Dot::kPairs ? (weight.inputs + 1) / 2 : weight.inputs;
  const std::int64_t block = in_place ? kPanelUnits : kPackUnits;
  const std::int64_t rows = item.row_end - item.row_begin;
  const std::int64_t columns = std::min(kPanelOutputs, weight.outputs - item.panel * kPanelOutputs);
  Product p;
  p.a_stride = step.x.stride * static_cast<std::int64_t>(element_bytes(step.x.type));
  const std::byte* x = step.x.data + item.row_begin * p.a_stride;
  p.c = reinterpret_cast<float*>(scratch + linear_scratch(rows, weight.inputs).sums);
  for (std::int64_t first = 0; first < units; first += block) {
    const std::int64_t count = std::min(block, units - first);
    p.half_unit = Dot::kPairs && first + count == units && weight.inputs % 2 != 0;
    p.units = count - (p.half_unit ? 1 : 0);
    p.a = x + first * kUnitBytes;
    p.accumulate = first > 0;
    if (in_place) {
      p.b = weight.data + (item.panel * units + first) * kPanelRowBytes;
    } else {
      pack_weights<Dot>(weight, item.panel, first, count, scratch);
      p.b = scratch;
    }
    p.ahead = next_weights<Dot>(weight, item, first + count, block);
    multiply<Dot>(p, rows, columns);
  }
  finish_rows<typename Dot::Simd>(step, item, p.c);
}

}  // namespace plimsoll::cpu
