#pragma once

#include <cstddef>
#include <cstdint>

#include "device/cpu/simd_inline.h"

namespace plimsoll::cpu {

/// Enough independent chains of multiply-add to fill the pipelines, and few enough to stay in registers.
template <typename Dot>
double peak_rounds(std::int64_t rounds) {
  using Simd = typename Dot::Simd;
  constexpr int kChains = Simd::kLanes == 16 ? 16 : 12;
  volatile float unknown = 0;
  const auto factor = Simd::set(unknown);
  typename Simd::Vector chain[kChains];
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) chain[i] = Simd::set(unknown);  // read anew: equal chains would be merged
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) chain[i] = Dot::dot(factor, factor, chain[i]);
  }
  auto total = Simd::zero();
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) total = Simd::add(total, chain[i]);
  return static_cast<double>(rounds) * kChains * Simd::kLanes * (Dot::kPairs ? 4 : 2) + static_cast<double>(Simd::sum(total));
}

template <typename Simd>
float read_all(const std::byte* data, std::int64_t size) {
  typename Simd::Vector sums[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) sums[i] = Simd::zero();
  constexpr std::int64_t kStride = Simd::kLanes * 4;
  for (std::int64_t at = 0; at < size; at += 8 * kStride) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) sums[i] = Simd::add(sums[i], Simd::load(data + at + i * kStride));
  }
  auto total = Simd::zero();
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) total = Simd::add(total, sums[i]);
  return Simd::sum(total);
}

}  // namespace plimsoll::cpu
