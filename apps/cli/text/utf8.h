#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace plimsoll::cli {

/// Bytes of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7), or 0.
std::size_t utf8_sequence(std::string_view text);

/// The code point of such a sequence.
std::uint32_t utf8_decoded(std::string_view sequence);

/// Writes a code point; returns how many bytes it took.
std::size_t utf8_encode(std::uint32_t point, std::array<char, 4>& out);

/// The longest start of `text` of at most `bytes` that cuts no sequence in two (`bytes` >= 4).
std::string_view utf8_start(std::string_view text, std::size_t bytes);

/// Columns that `text` takes in a terminal.
std::size_t display_width(std::string_view text);

/// The longest start of `text` that takes at most `columns`.
std::string_view clipped(std::string_view text, std::size_t columns);

}  // namespace plimsoll::cli
