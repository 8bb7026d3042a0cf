#pragma once

#include <cstdint>

namespace plimsoll::torch {

/// Longest pickle that is read: of some 40,000 tensors, in well under five seconds.
inline constexpr std::uint64_t kPickleLimit = std::uint64_t{8} << 20U;
/// Longest directory of an archive that is read: of some 100,000 entries.
inline constexpr std::uint64_t kDirectoryLimit = std::uint64_t{8} << 20U;

}  // namespace plimsoll::torch
