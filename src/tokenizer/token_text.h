#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <plimsoll/error.h>

namespace plimsoll::tokenizer {

/// Longest string, in bytes, of a token that a file tells beside its vocabulary: of an added one, also once it is normalized, of padding
/// and of a template. A bound on what must be looked at from each place in a text, and on what is printed for a text of a few letters.
inline constexpr std::size_t kTokenTextBytes = 96;

/// Of `what`, "an added token", that has `bytes` of them.
Error token_too_long(std::string_view what, std::size_t bytes, std::string where);

}  // namespace plimsoll::tokenizer
