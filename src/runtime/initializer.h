#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace plimsoll {

/// Seed of all random heads; part of the documented behaviour, like the generator.
inline constexpr std::uint64_t kHeadSeed = 20200517;

/// Elements [first, first + out.size()) of a newly initialised tensor: N(0, deviation), or zeros for a deviation of zero.
/// Element i depends on the tensor's name and i alone: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) of
/// FNV-1a(name) + kHeadSeed + 2i and + 2i + 1 gives two uniform numbers for one Box-Muller value.
void fill_initial(std::string_view tensor, float deviation, std::int64_t first, std::span<float> out);

}  // namespace plimsoll
