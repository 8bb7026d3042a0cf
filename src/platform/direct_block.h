#pragma once

#include <cstdint>

#include <plimsoll/os.h>

namespace plimsoll {

/// The block that `offset` lies in begins here, and the first that begins at it or behind it here.
constexpr std::uint64_t block_floor(std::uint64_t offset) { return offset / kDirectBlock * kDirectBlock; }
constexpr std::uint64_t block_ceiling(std::uint64_t offset) { return block_floor(offset + kDirectBlock - 1); }

/// Bytes that a slot needs for any extent of at most `bytes` (less than 2^63), wherever it begins and ends in blocks; a multiple of
/// kDirectBlock.
constexpr std::uint64_t slot_bytes(std::uint64_t bytes) { return block_floor(bytes + 2 * (kDirectBlock - 1)); }

}  // namespace plimsoll
