#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::cli {

/// The candidate nearest to `word` by insertions, deletions, substitutions and swaps of neighbours (Damerau, 1964), or an
/// empty string when none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace plimsoll::cli
