#include "text/utf8.h"

#include <algorithm>

namespace plimsoll::cli {
namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Blocks that terminals draw two columns wide (Unicode Standard Annex 11, W and F, and emoji).
constexpr std::array<Range, 12> kWide = {{{0x1100, 0x115F},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0xA4CF},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE10, 0xFE19},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1F64F},
                                          {0x1F900, 0x1F9FF},
                                          {0x20000, 0x3FFFD}}};

constexpr std::array<Range, 3> kCombining = {{{0x0300, 0x036F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}}};

template <std::size_t n>
bool is_in(const std::array<Range, n>& ranges, std::uint32_t point) {
  return std::ranges::any_of(ranges, [&](const Range& range) { return point >= range.first && point <= range.last; });
}

std::size_t sequence_width(std::string_view sequence) {
  const std::uint32_t point = utf8_decoded(sequence);
  return is_in(kCombining, point) ? 0 : is_in(kWide, point) ? 2 : 1;
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) { return byte(i) >= low && byte(i) <= high; };
  const unsigned lead = byte(0);
  if (text.empty()) return 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    return follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    return follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::uint32_t utf8_decoded(std::string_view sequence) {
  static constexpr std::array<unsigned, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  std::uint32_t point = static_cast<unsigned char>(sequence[0]) & kLeadBits[sequence.size()];
  for (const char c : sequence.substr(1)) point = (point << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
  return point;
}

std::size_t utf8_encode(std::uint32_t point, std::array<char, 4>& out) {
  const auto put = [&](std::size_t i, std::uint32_t byte) { out[i] = static_cast<char>(static_cast<unsigned char>(byte)); };
  const auto tail = [&](std::size_t i, unsigned shift) { put(i, 0x80U | ((point >> shift) & 0x3FU)); };
  if (point < 0x80) {
    put(0, point);
    return 1;
  }
  if (point < 0x800) {
    put(0, 0xC0U | (point >> 6U));
    tail(1, 0);
    return 2;
  }
  if (point < 0x10000) {
    put(0, 0xE0U | (point >> 12U));
    tail(1, 6);
    tail(2, 0);
    return 3;
  }
  put(0, 0xF0U | (point >> 18U));
  tail(1, 12);
  tail(2, 6);
  tail(3, 0);
  return 4;
}

std::string_view utf8_start(std::string_view text, std::size_t bytes) {
  static constexpr std::size_t kLongestSequence = 4;
  if (text.size() <= bytes) return text;
  const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80; };
  std::size_t end = bytes;
  while (continues(end) && end > bytes - kLongestSequence) --end;
  return text.substr(0, end > bytes - kLongestSequence ? end : bytes);
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    width += length == 0 ? 1 : sequence_width(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return width;
}

std::string_view clipped(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  std::size_t width = 0;
  while (end < text.size()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence(text.substr(end)));
    width += display_width(text.substr(end, length));
    if (width > columns) break;
    end += length;
  }
  return text.substr(0, end);
}

}  // namespace plimsoll::cli
