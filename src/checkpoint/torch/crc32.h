#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace plimsoll::torch {

/// The checksum of zip entries: CRC-32 with the reversed polynomial 0xEDB88320 (ISO 3309).
std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace plimsoll::torch
