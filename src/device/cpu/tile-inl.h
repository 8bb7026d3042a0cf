#pragma once

#include <cstddef>
#include <cstdint>

#include "device/cpu/simd_inline.h"

namespace plimsoll::cpu {

/// Memory that will be read soon: `rows` runs of `bytes`, `stride` apart. Fetched line by line into the second-level cache
/// while a product computes, because hardware does not foresee a jump to another row or panel.
struct Ahead {
  const std::byte* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t stride = 0;

  static constexpr std::int64_t kLine = 64;
  [[gnu::always_inline]] inline std::int64_t lines_in_row() const { return (bytes + kLine - 1) / kLine; }

  /// Share `part` of `parts`.
  [[gnu::always_inline]] inline void fetch(std::int64_t part, std::int64_t parts) const {
    const std::int64_t wide = lines_in_row();
    const std::int64_t end = rows * wide * (part + 1) / parts;
    std::int64_t line = rows * wide * part / parts;
    if (line >= end) return;
    const std::byte* row = data + line / wide * stride;
    for (std::int64_t column = line % wide; line < end; ++line) {
      __builtin_prefetch(row + column * kLine, 0, 2);
      if (++column < wide) continue;
      column = 0;
      row += stride;
    }
  }
};

/// One product C[rows, 64] (+)= A[rows, units] * B[units, 64]. A unit is four bytes of a row of A: one float32, or two
/// neighbouring bfloat16. B is k-major: 64 units (256 bytes) for every step of k. C is float32.
/// Every element of C is summed from the first unit to the last, one rounding a unit, whatever the shape: products of
/// different tile sizes, and of K cut into pieces that continue each other, agree in every bit.
struct Product {
  const std::byte* a = nullptr;
  std::int64_t a_stride = 0;  ///< bytes
  const std::byte* b = nullptr;
  std::int64_t units = 0;
  bool half_unit = false;  ///< after the whole units comes a lone bfloat16, paired with zero
  float* c = nullptr;
  std::int64_t c_stride = 64;  ///< elements
  bool accumulate = false;     ///< start from C instead of zero
  Ahead ahead;
};

inline constexpr std::int64_t kUnitBytes = 4;
inline constexpr std::int64_t kPanelRowBytes = 256;
inline constexpr std::int64_t kProductColumns = 64;

template <typename Dot, int Rows, int Vectors>
[[gnu::always_inline]] inline void multiply_step(const std::byte* (&a)[Rows], const std::byte* b,
                                                 typename Dot::Simd::Vector (&acc)[Rows][Vectors]) {
  using Simd = typename Dot::Simd;
  typename Simd::Vector weights[Vectors];
#pragma GCC unroll 8
  for (int v = 0; v < Vectors; ++v) weights[v] = Simd::load(b + v * Simd::kLanes * kUnitBytes);
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    const auto value = Simd::broadcast(a[r]);
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) acc[r][v] = Dot::dot(value, weights[v], acc[r][v]);
  }
}

/// Computes Rows x (Vectors * lanes) of the product in registers, at row `row` and column `column`.
template <typename Dot, int Rows, int Vectors>
void multiply_tile(const Product& p, std::int64_t row, std::int64_t column) {
  using Simd = typename Dot::Simd;
  typename Simd::Vector acc[Rows][Vectors];
  float* const c = p.c + row * p.c_stride + column;
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) acc[r][v] = p.accumulate ? Simd::load(c + r * p.c_stride + v * Simd::kLanes) : Simd::zero();
  }
  const std::byte* a[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) a[r] = p.a + (row + r) * p.a_stride;
  const std::byte* b = p.b + column * kUnitBytes;
  for (std::int64_t k = 0; k < p.units; ++k) {
    multiply_step<Dot, Rows, Vectors>(a, b, acc);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) a[r] += kUnitBytes;
    b += kPanelRowBytes;
  }
  if constexpr (Dot::kPairs) {
    if (p.half_unit) {
      std::uint32_t last[Rows];
      for (int r = 0; r < Rows; ++r) {
        last[r] = load_unaligned<std::uint16_t>(a[r]);
        a[r] = reinterpret_cast<const std::byte*>(&last[r]);
      }
      multiply_step<Dot, Rows, Vectors>(a, b, acc);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) Simd::store(c + r * p.c_stride + v * Simd::kLanes, acc[r][v]);
  }
}

/// Tiles of `count` rows (1 to Simd::kTileRows) and one width, chosen at run time.
template <typename Dot, int Vectors, int Rows = Dot::Simd::kTileRows>
[[gnu::always_inline]] inline void multiply_tile_of(std::int64_t count, const Product& p, std::int64_t row, std::int64_t column) {
  if constexpr (Rows > 1) {
    if (count < Rows) return multiply_tile_of<Dot, Vectors, Rows - 1>(count, p, row, column);
  }
  multiply_tile<Dot, Rows, Vectors>(p, row, column);
}

/// The whole product for `rows` rows and at least the first `columns` columns (those beyond, up to the next multiple
/// of a tile's width, may be written too). Rows are shared out evenly among tiles, so that no tile is left thin.
template <typename Dot>
void multiply(const Product& p, std::int64_t rows, std::int64_t columns) {
  using Simd = typename Dot::Simd;
  constexpr std::int64_t kWide = Simd::kTileVectors * Simd::kLanes;
  constexpr std::int64_t kNarrow = kWide / 2;
  const std::int64_t tiles = (rows + Simd::kTileRows - 1) / Simd::kTileRows;
  const std::int64_t parts = (columns + kWide - 1) / kWide * tiles;
  for (std::int64_t column = 0; column < columns; column += kWide) {
    const bool narrow = columns - column <= kNarrow;
    for (std::int64_t tile = 0, row = 0; tile < tiles; ++tile) {
      const std::int64_t count = (rows - row + (tiles - tile) - 1) / (tiles - tile);
      p.ahead.fetch(column / kWide * tiles + tile, parts);
      if (narrow) multiply_tile_of<Dot, Simd::kTileVectors / 2>(count, p, row, column);
      else multiply_tile_of<Dot, Simd::kTileVectors>(count, p, row, column);
      row += count;
    }
  }
}

}  // namespace plimsoll::cpu
