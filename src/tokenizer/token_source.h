#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace plimsoll::tokenizer {

/// The file that tells an added token: the tokenizer's own, or one beside it.
enum class TokenSource : std::uint8_t { tokenizer, settings, special_tokens, added_tokens };

/// Of one beside it.
constexpr std::string_view file_name(TokenSource source) {
  constexpr std::array<std::string_view, 4> kNames = {"", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"};
  return kNames[static_cast<std::size_t>(source)];
}

}  // namespace plimsoll::tokenizer
