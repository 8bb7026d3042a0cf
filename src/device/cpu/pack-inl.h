#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "device/cpu/simd_inline.h"
#include "device/cpu/tile-inl.h"
#include "weights/weight_form.h"

namespace plimsoll::cpu {

/// `n` elements (the rest zero) of any float type as float32.
template <typename Simd>
[[gnu::always_inline]] inline typename Simd::Vector load_as_float(ElementType type, const std::byte* p, std::int64_t n) {
  if (type == ElementType::float32) return Simd::load(p, n);
  if (type == ElementType::bfloat16) return Simd::load_bfloat16(p, n);
  if (type == ElementType::float16) return Simd::load_float16(p, n);
  float narrowed[Simd::kLanes] = {};
  for (int i = 0; i < Simd::kLanes && i < n; ++i) narrowed[i] = static_cast<float>(load_unaligned<double>(p + i * 8));
  return Simd::load(narrowed);
}

template <typename Simd>
[[gnu::always_inline]] inline void store_as(ElementType type, std::byte* p, typename Simd::Vector v, std::int64_t n) {
  if (type == ElementType::float32) Simd::store(p, v, n);
  else if (type == ElementType::bfloat16) Simd::store_bfloat16(p, v, n);
  else Simd::store_float16(p, v, n);
}

/// Loads `n` units (at most one vector) of a row, beginning at unit `unit`; `elements` is the row's length.
/// A unit is a float32, or with Pairs two bfloat16, the last one completed by zero.
template <typename Simd, ElementType type, bool Pairs>
[[gnu::always_inline]] inline typename Simd::Vector load_units(const std::byte* row, std::int64_t unit, std::int64_t n,
                                                               std::int64_t elements) {
  constexpr auto kSize = static_cast<std::int64_t>(element_bytes(type));
  if constexpr (!Pairs) {
    return load_as_float<Simd>(type, row + unit * kSize, n);
  } else if constexpr (type == ElementType::bfloat16) {
    if (2 * (unit + n) <= elements) return Simd::load(row + unit * kUnitBytes, n);
    std::byte completed[Simd::kLanes * kUnitBytes] = {};
    std::memcpy(completed, row + unit * kUnitBytes, static_cast<std::size_t>((elements - 2 * unit) * kSize));
    return Simd::load(completed);
  } else {
    const std::int64_t left = elements - 2 * unit;
    const std::byte* first = row + 2 * unit * kSize;
    const auto low = load_as_float<Simd>(type, first, left);
    const auto high = left > Simd::kLanes ? load_as_float<Simd>(type, first + Simd::kLanes * kSize, left - Simd::kLanes) : Simd::zero();
    typename Simd::Vector even;
    typename Simd::Vector odd;
    Simd::deinterleave(low, high, even, odd);
    return Simd::pair(even, odd);
  }
}

/// A row-major block of at most 64 rows.
struct RowBlock {
  const std::byte* data = nullptr;
  std::int64_t stride = 0;    ///< bytes
  std::int64_t rows = 0;      ///< at most 64
  std::int64_t elements = 0;  ///< of a row
};

/// Transposes one square of kLanes rows by n units (n <= kLanes); rows from `rows` on count as zero.
template <typename Simd, ElementType type, bool Pairs>
[[gnu::always_inline]] inline void pack_square(const RowBlock& block, const std::byte* data, std::int64_t rows, std::int64_t unit,
                                               std::int64_t n, std::byte* out) {
  constexpr std::int64_t kLanes = Simd::kLanes;
  typename Simd::Vector square[kLanes];
#pragma GCC unroll 16
  for (std::int64_t i = 0; i < kLanes; ++i) {
    square[i] = i < rows ? load_units<Simd, type, Pairs>(data + i * block.stride, unit, n, block.elements) : Simd::zero();
  }
  Simd::transpose(square);
#pragma GCC unroll 16
  for (std::int64_t i = 0; i < kLanes; ++i) {
    if (i < n) Simd::store(out + i * kPanelRowBytes, square[i]);
  }
}

/// Transposes units [first, first + units) of a row block to panel form: 64 units a step of k, absent rows as zero.
/// Only the first `columns` of the 64 (rounded up to whole vectors) are written.
template <typename Simd, ElementType type, bool Pairs>
void pack_block(const RowBlock& block, std::int64_t first, std::int64_t units, std::int64_t columns, std::byte* panel) {
  constexpr std::int64_t kLanes = Simd::kLanes;
  for (std::int64_t group = 0; group < columns; group += kLanes) {
    const std::byte* data = block.data + group * block.stride;
    const std::int64_t rows = block.rows - group;
    std::byte* out = panel + group * kUnitBytes;
    std::int64_t k = 0;
    if (rows >= kLanes) {
      for (; k + kLanes <= units - (Pairs ? 1 : 0); k += kLanes) {
        pack_square<Simd, type, Pairs>(block, data, kLanes, first + k, kLanes, out + k * kPanelRowBytes);
      }
    }
    for (; k < units; k += kLanes) {
      const std::int64_t n = units - k < kLanes ? units - k : kLanes;
      pack_square<Simd, type, Pairs>(block, data, rows, first + k, n, out + k * kPanelRowBytes);
    }
  }
}

/// Widens rows of k [first, first + count) of a float16 panel, or of a bfloat16 panel (`first` even), to float32.
template <typename Simd>
void widen_panel(ElementType type, const std::byte* panel, std::int64_t first, std::int64_t count, std::byte* out) {
  if (type == ElementType::float16) {
    for (std::int64_t i = 0; i < count * kProductColumns; i += Simd::kLanes) {
      Simd::store(out + i * kUnitBytes, Simd::load_float16(panel + (first * kProductColumns + i) * 2, Simd::kLanes));
    }
    return;
  }
  for (std::int64_t k = 0; k < count; k += 2) {
    const std::byte* pairs = panel + (first + k) / 2 * kPanelRowBytes;
    for (std::int64_t column = 0; column < kPanelRowBytes; column += Simd::kLanes * kUnitBytes) {
      const auto both = Simd::load(pairs + column);
      Simd::store(out + k * kPanelRowBytes + column, Simd::pair_even(both));
      if (k + 1 < count) Simd::store(out + (k + 1) * kPanelRowBytes + column, Simd::pair_odd(both));
    }
  }
}

}  // namespace plimsoll::cpu
