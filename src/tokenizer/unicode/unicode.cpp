#include "tokenizer/unicode/unicode.h"

#include <algorithm>
#include <span>

#include <utf8proc.h>

#include "tokenizer/unicode/unicode_tables.h"

namespace plimsoll::unicode {

namespace {

/// The range that holds `c`, or null.
template <typename Range>
const Range* find(std::span<const Range> ranges, char32_t c) {
  const auto it = std::partition_point(ranges.begin(), ranges.end(), [c](const Range& r) { return r.last < c; });
  return it != ranges.end() && it->first <= c ? &*it : nullptr;
}

/// Code points that gained a decomposition after Unicode 12 (canonical ones, then compatibility ones): utf8proc knows them.
constexpr std::array kNewCanonical = {CodeRange{0x105C9, 0x105E4}, CodeRange{0x11383, 0x113C8}, CodeRange{0x11938, 0x11938},
                                      CodeRange{0x16121, 0x16128}, CodeRange{0x16D68, 0x16D6A}};
constexpr std::array kNewCompatible = {CodeRange{0x32FF, 0x32FF},   CodeRange{0xA7F1, 0xA7F4},   CodeRange{0xAB69, 0xAB69},
                                       CodeRange{0x10781, 0x107BA}, CodeRange{0x1CCD6, 0x1CCF9}, CodeRange{0x1E030, 0x1E06D},
                                       CodeRange{0x1F16C, 0x1F16C}, CodeRange{0x1FBF0, 0x1FBF9}};

bool decomposes(char32_t c, bool compatible) {
  return find<CodeRange>(kNewCanonical, c) == nullptr && !(compatible && find<CodeRange>(kNewCompatible, c) != nullptr);
}

constexpr char32_t kHangulL = 0x1100, kHangulV = 0x1161, kHangulT = 0x11A7, kHangulS = 0xAC00;
constexpr char32_t kHangulLs = 19, kHangulVs = 21, kHangulTs = 28;

std::optional<char32_t> compose_hangul(char32_t a, char32_t b) {
  if (a >= kHangulL && a < kHangulL + kHangulLs && b >= kHangulV && b < kHangulV + kHangulVs)
    return kHangulS + ((a - kHangulL) * kHangulVs + (b - kHangulV)) * kHangulTs;
  if (a >= kHangulS && a < kHangulS + kHangulLs * kHangulVs * kHangulTs && (a - kHangulS) % kHangulTs == 0 && b > kHangulT &&
      b < kHangulT + kHangulTs)
    return a + (b - kHangulT);
  return std::nullopt;
}

}  // namespace

bool is_whitespace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_other(char32_t c) { return find(kOther, c) != nullptr; }
bool is_nonspacing_mark(char32_t c) { return c >= 0x300 && find(kNonspacingMark, c) != nullptr; }
bool is_combining_mark(char32_t c) { return c >= 0x300 && find(kCombiningMark, c) != nullptr; }
bool is_punctuation(char32_t c) { return find(kPunctuation, c) != nullptr; }
bool is_word(char32_t c) { return find(kWord, c) != nullptr; }

bool is_ideograph(char32_t c) {
  return c >= 0x3400 && ((c >= 0x4E00 && c <= 0x9FFF) || c <= 0x4DBF || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
                         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F));
}

std::uint8_t combining_class(char32_t c) {
  if (c < 0x300) return 0;
  const ClassRange* range = find(kClass, c);
  return range == nullptr ? std::uint8_t{0} : range->combining_class;
}

Expansion lower(char32_t c) {
  Expansion out{{c}, 1};
  if (c < 0x80) {
    if (c >= 'A' && c <= 'Z') out.points[0] = c + 32;
  } else if (c == 0x130) {
    out = {{U'i', 0x307}, 2};
  } else if (const LowerRange* range = find(kLower, c); range != nullptr && (c - range->first) % range->stride == 0) {
    out.points[0] = static_cast<char32_t>(static_cast<std::int32_t>(c) + range->delta);
  }
  return out;
}

Expansion decompose(char32_t c, bool compatible) {
  Expansion out{{c}, 1};
  if (c < 0xA0 || !decomposes(c, compatible)) return out;
  std::array<utf8proc_int32_t, 18> points{};
  const int options = UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  int boundary = 0;
  const utf8proc_ssize_t size = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), points.data(), points.size(),
                                                        static_cast<utf8proc_option_t>(options), &boundary);
  if (size < 1 || size > static_cast<utf8proc_ssize_t>(points.size())) return out;
  out.size = static_cast<std::size_t>(size);
  std::transform(points.begin(), points.begin() + size, out.points.begin(), [](utf8proc_int32_t p) { return static_cast<char32_t>(p); });
  return out;
}

std::optional<char32_t> compose(char32_t a, char32_t b) {
  if (b < 0x300) return std::nullopt;
  if (const auto hangul = compose_hangul(a, b)) return hangul;
  std::array<utf8proc_int32_t, 2> pair = {static_cast<utf8proc_int32_t>(a), static_cast<utf8proc_int32_t>(b)};
  const int options = UTF8PROC_COMPOSE | UTF8PROC_STABLE;
  if (utf8proc_normalize_utf32(pair.data(), pair.size(), static_cast<utf8proc_option_t>(options)) != 1) return std::nullopt;
  const auto composite = static_cast<char32_t>(pair[0]);
  return decomposes(composite, false) ? std::optional(composite) : std::nullopt;
}

}  // namespace plimsoll::unicode
