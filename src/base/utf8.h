#pragma once

#include <cstddef>
#include <string_view>

namespace plimsoll::utf8 {

/// U+FFFD.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Decoded {
  char32_t point;
  std::size_t size;  ///< bytes; of a malformed sequence its maximal subpart
  bool valid;        ///< `point` is U+FFFD where not
};

/// `decode` where no ASCII stands.
Decoded decode_long(std::string_view text, std::size_t at);

/// The code point at byte `at` < text.size(). Malformed input gives U+FFFD for each maximal subpart (Unicode 15, section
/// 3.9), as Python's errors="replace" does, and never reads past the end.
inline Decoded decode(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  return first < 0x80 ? Decoded{first, 1, true} : decode_long(text, at);
}

/// Writes `point` (a scalar value) to `out`, which has room for 4 bytes; returns how many it took.
std::size_t encode(char32_t point, char* out);

/// Where the code point that ends at byte `end` > 0 of valid UTF-8 begins.
std::size_t start_of_last(std::string_view text, std::size_t end);

}  // namespace plimsoll::utf8
