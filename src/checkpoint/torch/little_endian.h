#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace plimsoll::torch {

/// The unsigned integer of `size` (at most 8) bytes at `at`, lowest byte first. They must lie within `bytes`.
inline std::uint64_t little_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}

}  // namespace plimsoll::torch
