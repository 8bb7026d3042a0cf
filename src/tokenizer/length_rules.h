#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <plimsoll/result.h>

#include "json/json_document.h"

namespace plimsoll::tokenizer {

enum class TruncationStrategy : std::uint8_t { longest_first, only_first, only_second };

/// The "truncation" section. Its stride matters only for overflowing parts, which are not given.
struct Truncation {
  std::int64_t max_length = 0;  ///< special tokens included
  TruncationStrategy strategy = TruncationStrategy::longest_first;
  bool left = false;  ///< drop from the beginning
};

/// The "padding" section, for one text at a time.
struct Padding {
  std::optional<std::int64_t> fixed;  ///< pad to so many tokens; else only to a multiple
  std::int64_t multiple_of = 0;
  bool left = false;
  std::int32_t id = 0;
  std::int32_t type_id = 0;
  std::string token = "[PAD]";

  /// Tokens after padding `length` of them.
  std::int64_t padded(std::int64_t length) const;
};

Result<std::optional<Truncation>> read_truncation(const JsonValue& section);
Result<std::optional<Padding>> read_padding(const JsonValue& section);

/// Tokens of the first and of the second text.
struct Lengths {
  std::int64_t first = 0;
  std::int64_t second = 0;
};

/// What is left of a text, or of a pair, when `room` tokens may remain. Fails with `bad_row` when the strategy may not cut
/// where it would have to. Gives the same for lengths capped at `enough(...)`.
Result<Lengths> truncate(Lengths lengths, bool is_pair, std::int64_t room, TruncationStrategy strategy);

/// How many tokens of each text must be counted for `truncate` to decide.
std::int64_t enough(bool is_pair, std::int64_t room, TruncationStrategy strategy);

}  // namespace plimsoll::tokenizer
