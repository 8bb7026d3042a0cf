#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/result.h>

namespace plimsoll::cli {

/// Bytes that an "id" may have: it is held until its row has been answered.
inline constexpr std::size_t kLongestId = 4096;

/// A row of JSON Lines: {"id"?, "text", "text_pair"?}. Other keys are passed over; of a repeated key the last counts.
struct JsonRow {
  std::string id;  ///< the scalar as JSON, "" when absent
  std::string text;
  std::optional<std::string> pair;  ///< null counts as absent
};

/// Nothing but white space: not a row at all.
bool is_blank(std::string_view line);

/// Reads `line`. Depth costs no stack. Fails with `bad_row`; `row.id` is then set if it was read before the fault.
Status read_json_row(std::string_view line, JsonRow& row);

}  // namespace plimsoll::cli
