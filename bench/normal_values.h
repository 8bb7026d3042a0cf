#pragma once

#include <cstdint>
#include <string_view>

namespace plimsoll::bench {

/// FNV-1a: the stream of a tensor depends on its name alone, not on where it stands in a file.
constexpr std::uint64_t stream_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

/// Value `index` of a stream, close to N(0, 1): the sum of four uniform 16-bit numbers, of exact mean and variance, within
/// 3.5 standard deviations. Any value can be had without those before it. Bits are mixed as in SplitMix64 (Steele, Lea
/// and Flood, 2014, doi:10.1145/2714064.2660195).
constexpr float normal_value(std::uint64_t stream, std::uint64_t index) {
  std::uint64_t z = stream + (index + 1) * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  z ^= z >> 31;
  const std::uint64_t sum = (z & 0xffffU) + ((z >> 16) & 0xffffU) + ((z >> 32) & 0xffffU) + (z >> 48);
  constexpr float kMean = 2.0F * 65535.0F;
  constexpr float kInverseDeviation = 1.0F / 37837.2273F;  // sqrt(4 * (65536^2 - 1) / 12)
  return (static_cast<float>(static_cast<std::int64_t>(sum)) - kMean) * kInverseDeviation;
}

}  // namespace plimsoll::bench
