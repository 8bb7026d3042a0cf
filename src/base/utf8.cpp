#include "base/utf8.h"

namespace plimsoll::utf8 {
namespace {

constexpr char32_t kReplaced = 0xFFFD;

struct Lead {
  std::size_t size;   ///< of the whole sequence; 0: no sequence begins so
  unsigned char low;  ///< bounds of the second byte
  unsigned char high;
};

/// Table 3-7 of the Unicode standard.
Lead classify(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Decoded decode_long(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const Lead lead = classify(first);
  if (lead.size == 0) return {kReplaced, 1, false};
  char32_t point = first & (0x7FU >> lead.size);
  for (std::size_t i = 1; i < lead.size; ++i) {
    if (at + i >= text.size()) return {kReplaced, i, false};
    const unsigned char next = byte(at + i);
    const bool fits = i == 1 ? next >= lead.low && next <= lead.high : (next & 0xC0U) == 0x80U;
    if (!fits) return {kReplaced, i, false};
    point = (point << 6U) | (next & 0x3FU);
  }
  return {point, lead.size, true};
}

std::size_t encode(char32_t point, char* out) {
  const auto put = [&](std::size_t i, char32_t value) { out[i] = static_cast<char>(static_cast<unsigned char>(value)); };
  if (point < 0x80) return put(0, point), std::size_t{1};
  if (point < 0x800) return put(0, 0xC0U | (point >> 6U)), put(1, 0x80U | (point & 0x3FU)), std::size_t{2};
  if (point < 0x10000) {
    put(0, 0xE0U | (point >> 12U));
    put(1, 0x80U | ((point >> 6U) & 0x3FU));
    put(2, 0x80U | (point & 0x3FU));
    return 3;
  }
  put(0, 0xF0U | (point >> 18U));
  put(1, 0x80U | ((point >> 12U) & 0x3FU));
  put(2, 0x80U | ((point >> 6U) & 0x3FU));
  put(3, 0x80U | (point & 0x3FU));
  return 4;
}

std::size_t start_of_last(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

}  // namespace plimsoll::utf8
