#pragma once

#include <cstdint>
#include <span>

namespace plimsoll::unicode {

struct CodeRange {
  char32_t first;
  char32_t last;
};

/// Every `stride`-th code point of [first, last] has its lower case `delta` further on.
struct LowerRange {
  char32_t first;
  char32_t last;
  std::uint32_t stride;
  std::int32_t delta;
};

/// Canonical combining class of [first, last]; zero elsewhere.
struct ClassRange {
  char32_t first;
  char32_t last;
  std::uint8_t combining_class;
};

/// Sorted and disjoint; what they mean is told in tokenizer/unicode.h.
extern const std::span<const CodeRange> kOther;
extern const std::span<const CodeRange> kNonspacingMark;
extern const std::span<const CodeRange> kCombiningMark;
extern const std::span<const CodeRange> kPunctuation;
extern const std::span<const CodeRange> kWord;
extern const std::span<const LowerRange> kLower;
extern const std::span<const ClassRange> kClass;

}  // namespace plimsoll::unicode
