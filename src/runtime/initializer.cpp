#include "runtime/initializer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace plimsoll {
namespace {

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

std::uint64_t splitmix(std::uint64_t state) {
  state += 0x9e3779b97f4a7c15ULL;
  state = (state ^ (state >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  state = (state ^ (state >> 27U)) * 0x94d049bb133111ebULL;
  return state ^ (state >> 31U);
}

// In (0, 1]: the logarithm of it is finite.
double uniform(std::uint64_t bits) { return (static_cast<double>(bits >> 11U) + 1.0) * 0x1p-53; }

}  // namespace

void fill_initial(std::string_view tensor, float deviation, std::int64_t first, std::span<float> out) {
  if (deviation == 0) {
    std::fill(out.begin(), out.end(), 0.0F);
    return;
  }
  const std::uint64_t seed = fnv1a(tensor) + kHeadSeed;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t at = seed + 2 * (static_cast<std::uint64_t>(first) + i);
    const double radius = std::sqrt(-2.0 * std::log(uniform(splitmix(at))));
    out[i] = static_cast<float>(deviation * radius * std::cos(2.0 * std::numbers::pi * uniform(splitmix(at + 1))));
  }
}

}  // namespace plimsoll
