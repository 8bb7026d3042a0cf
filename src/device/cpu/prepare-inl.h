#pragma once

#include "device/cpu/kernel_table.h"
#include "device/cpu/pack-inl.h"
#include "device/cpu/work.h"

namespace plimsoll::cpu {

template <typename Simd>
void convert(ElementType from, const std::byte* source, ElementType to, std::byte* out, std::int64_t count) {
  const auto from_size = static_cast<std::int64_t>(element_bytes(from));
  const auto to_size = static_cast<std::int64_t>(element_bytes(to));
  if (from == to) {
    std::memcpy(out, source, static_cast<std::size_t>(count * to_size));
    return;
  }
  for (std::int64_t i = 0; i < count; i += Simd::kLanes) {
    store_as<Simd>(to, out + i * to_size, load_as_float<Simd>(from, source + i * from_size, count - i), count - i);
  }
}

template <typename Simd, bool Pairs>
void pack_from(ElementType from, const RowBlock& block, std::int64_t units, std::byte* panel) {
  switch (from) {
    case ElementType::float32: return pack_block<Simd, ElementType::float32, Pairs>(block, 0, units, kPanelOutputs, panel);
    case ElementType::bfloat16: return pack_block<Simd, ElementType::bfloat16, Pairs>(block, 0, units, kPanelOutputs, panel);
    case ElementType::float16: return pack_block<Simd, ElementType::float16, Pairs>(block, 0, units, kPanelOutputs, panel);
    default: return pack_block<Simd, ElementType::float64, Pairs>(block, 0, units, kPanelOutputs, panel);
  }
}

/// float16 panels: packed as float32, a vector's worth of k at a time, and narrowed.
template <typename Simd>
void pack_half_panel(ElementType from, RowBlock block, std::byte* panel) {
  const auto size = static_cast<std::int64_t>(element_bytes(from));
  const std::int64_t elements = block.elements;
  for (std::int64_t k = 0; k < elements; k += Simd::kLanes) {
    std::byte wide[Simd::kLanes * kPanelRowBytes];
    const std::int64_t count = std::min<std::int64_t>(Simd::kLanes, elements - k);
    block.elements = count;
    pack_from<Simd, false>(from, block, count, wide);
    convert<Simd>(ElementType::float32, wide, ElementType::float16, panel + k * kPanelOutputs * 2, count * kPanelOutputs);
    block.data += count * size;
  }
}

template <typename Simd>
void prepare_rows(const PrepareStep& step, std::int64_t begin, std::int64_t end) {
  const std::int64_t row_bytes = step.inputs * static_cast<std::int64_t>(element_bytes(step.source_type));
  const std::byte* source = step.source + begin * row_bytes;
  if (step.form.layout == WeightLayout::rows) {
    const std::int64_t offset = (step.first_output + begin) * step.inputs * static_cast<std::int64_t>(element_bytes(step.form.type));
    return convert<Simd>(step.source_type, source, step.form.type, step.destination + offset, (end - begin) * step.inputs);
  }
  const std::int64_t panel_bytes = weight_bytes(step.form, kPanelOutputs, step.inputs);
  for (std::int64_t row = begin; row < end; row += kPanelOutputs, source += kPanelOutputs * row_bytes) {
    const RowBlock block{source, row_bytes, std::min(kPanelOutputs, end - row), step.inputs};
    std::byte* panel = step.destination + (step.first_output + row) / kPanelOutputs * panel_bytes;
    if (step.form.type == ElementType::bfloat16) pack_from<Simd, true>(step.source_type, block, (step.inputs + 1) / 2, panel);
    else if (step.form.type == ElementType::float32) pack_from<Simd, false>(step.source_type, block, step.inputs, panel);
    else pack_half_panel<Simd>(step.source_type, block, panel);
  }
}

}  // namespace plimsoll::cpu
