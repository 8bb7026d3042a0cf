#include "checkpoint/torch/crc32.h"

#include <array>

namespace plimsoll::torch {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? 0xEDB88320U : 0U);
    table[i] = value;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0xFFFFFFFFU;
  for (const std::byte b : bytes) sum = kTable[(sum ^ std::to_integer<std::uint32_t>(b)) & 0xFFU] ^ sum >> 8U;
  return ~sum;
}

}  // namespace plimsoll::torch
