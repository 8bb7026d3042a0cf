#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace plimsoll::cli {

/// `text` broken at spaces so that lines end at `columns`, each after the first behind `indent` blanks. A longer word has a line of its
/// own.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns);

/// Each line of `text` that is wider than `columns`, the same way, its rest behind its own indent and two blanks more. Not for lines with
/// escape sequences.
std::string wrapped_lines(std::string_view text, std::size_t columns);

}  // namespace plimsoll::cli
