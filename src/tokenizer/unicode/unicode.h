#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

/// Questions about code points, answered as the `tokenizers` package answers them: its categories, its lower case and its
/// decompositions come from different Unicode versions, so most answers are tables of our own (unicode_tables.cpp).
namespace plimsoll::unicode {

/// White_Space of the Unicode standard.
bool is_whitespace(char32_t c);

/// What BERT's cleaning drops: NUL, U+FFFD and the categories Cc, Cf and Co, without tab, line feed and carriage return.
bool is_other(char32_t c);

/// Category Mn: what BERT's accent stripping drops.
bool is_nonspacing_mark(char32_t c);

/// Categories Mn, Mc and Me.
bool is_combining_mark(char32_t c);

/// ASCII punctuation and symbols, or category P.
bool is_punctuation(char32_t c);

/// `\w` of a regular expression.
bool is_word(char32_t c);

/// An ideograph that BERT sets apart by spaces.
bool is_ideograph(char32_t c);

std::uint8_t combining_class(char32_t c);

/// Code points that one code point turns into; nothing grows to more than 18 (U+FDFA, NFKD).
struct Expansion {
  std::array<char32_t, 18> points;
  std::size_t size;
};

/// Of one character alone, so a final sigma is no special case. Only U+0130 gives two.
Expansion lower(char32_t c);

/// Full canonical or (`compatible`) compatibility decomposition, not reordered. Unicode 12.
Expansion decompose(char32_t c, bool compatible);

/// The primary composite of two code points. Unicode 12.
std::optional<char32_t> compose(char32_t a, char32_t b);

}  // namespace plimsoll::unicode
