#include "tokenizer/length_rules.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "tokenizer/token_text.h"

namespace plimsoll::tokenizer {

namespace {

constexpr std::int64_t kLengthLimit = std::int64_t{1} << 62U;
/// Longer than any text of a model that is read here; a short one is padded to twice as many tokens at most, and their strings are output.
constexpr std::int64_t kPadLimit = std::int64_t{1} << 16U;
constexpr std::int64_t kIdLimit = std::numeric_limits<std::int32_t>::max();

Error corrupt(std::string what, const JsonValue& where, std::string_view key) {
  return {ErrorCode::corrupt_file, std::move(what), where.where() + "." + std::string(key)};
}

Result<bool> read_left(const JsonValue& section, bool required) {
  if (!required && !section.find("direction")) return false;
  PLIMSOLL_TRY(const std::string_view direction, section.get_string("direction"));
  if (direction != "Left" && direction != "Right") return corrupt("a direction is Left or Right", section, "direction");
  return direction == "Left";
}

Error too_short(std::string what) {
  return {ErrorCode::bad_row, std::move(what), "truncation", "allow more tokens, or truncate longest first"};
}

}  // namespace

std::int64_t Padding::padded(std::int64_t length) const {
  std::int64_t size = fixed.value_or(length);
  if (multiple_of > 0 && size % multiple_of > 0) size += multiple_of - size % multiple_of;
  return std::max(size, length);
}

Result<std::optional<Truncation>> read_truncation(const JsonValue& section) {
  if (section.is_null()) return std::optional<Truncation>();
  Truncation truncation;
  PLIMSOLL_TRY(truncation.max_length, section.get_int("max_length", 0, kLengthLimit));
  PLIMSOLL_TRY(const std::string_view strategy, section.get_string("strategy"));
  if (strategy == "OnlyFirst") truncation.strategy = TruncationStrategy::only_first;
  else if (strategy == "OnlySecond") truncation.strategy = TruncationStrategy::only_second;
  else if (strategy != "LongestFirst") return corrupt("no such strategy: " + printable(strategy, 60), section, "strategy");
  PLIMSOLL_CHECK(section.get_int("stride", 0, kLengthLimit));
  PLIMSOLL_TRY(truncation.left, read_left(section, false));
  return std::optional(truncation);
}

Result<std::optional<Padding>> read_padding(const JsonValue& section) {
  if (section.is_null()) return std::optional<Padding>();
  Padding padding;
  PLIMSOLL_TRY(const JsonValue strategy, section.get("strategy"));
  if (strategy.is_object()) {
    if (strategy.size() != 1) return corrupt("one strategy was expected", section, "strategy");
    PLIMSOLL_TRY(padding.fixed, strategy.get_int("Fixed", 0, kPadLimit));
  } else {
    PLIMSOLL_TRY(const std::string_view name, strategy.as_string());
    if (name != "BatchLongest") return corrupt("no such strategy: " + printable(name, 60), section, "strategy");
  }
  PLIMSOLL_TRY(padding.left, read_left(section, true));
  PLIMSOLL_TRY(const auto multiple, section.optional_int("pad_to_multiple_of", 0, kPadLimit));
  padding.multiple_of = multiple.value_or(0);
  PLIMSOLL_TRY(const std::int64_t id, section.get_int("pad_id", 0, kIdLimit));
  PLIMSOLL_TRY(const std::int64_t type_id, section.get_int("pad_type_id", 0, kIdLimit));
  padding.id = static_cast<std::int32_t>(id);
  padding.type_id = static_cast<std::int32_t>(type_id);
  PLIMSOLL_TRY(padding.token, section.get_string("pad_token"));
  if (padding.token.size() > kTokenTextBytes)
    return token_too_long("a padding token", padding.token.size(), section.where() + ".pad_token");
  return std::optional(std::move(padding));
}

std::int64_t enough(bool is_pair, std::int64_t room, TruncationStrategy strategy) {
  // Two long texts share an odd room unevenly: the truly longer one gets more.
  const bool needs_order = is_pair && strategy == TruncationStrategy::longest_first && room % 2 != 0;
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  return needs_order || room == kAll ? kAll : room + 1;
}

Result<Lengths> truncate(Lengths lengths, bool is_pair, std::int64_t room, TruncationStrategy strategy) {
  if (room == 0) return Lengths{};
  const std::int64_t total = lengths.first + lengths.second;
  if (total <= room) return lengths;
  if (strategy == TruncationStrategy::longest_first || (!is_pair && strategy == TruncationStrategy::only_first)) {
    if (!is_pair) return Lengths{room, 0};
    const bool swapped = lengths.first > lengths.second;
    std::int64_t shorter = std::min(lengths.first, lengths.second);
    std::int64_t longer = std::max(shorter, room - shorter);
    if (shorter + longer > room) {
      shorter = room / 2;
      longer = room - shorter;
    }
    return swapped ? Lengths{longer, shorter} : Lengths{shorter, longer};
  }
  if (!is_pair) return too_short("there is no second text to truncate");
  const bool cut_first = strategy == TruncationStrategy::only_first;
  const std::int64_t whole = cut_first ? lengths.second : lengths.first;
  if (whole >= room) return too_short("the text that may be truncated is too short for the pair to fit");
  return cut_first ? Lengths{room - whole, whole} : Lengths{whole, room - whole};
}

}  // namespace plimsoll::tokenizer
