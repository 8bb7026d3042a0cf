#pragma once

#include <cstdint>
#include <string_view>

#include "console.h"
#include "json_writer.h"

namespace plimsoll::cli {

/// Tells of a row that could not be used: an object of its own among the results (`as_json`, DESIGN.md section 6), else a line
/// on standard error, also when quiet. `id` is JSON, "" when the row has none. `json` is at the start of a line.
void report_fault(bool as_json, JsonWriter& json, Console& console, std::int64_t index, std::string_view id, const Error& error);

}  // namespace plimsoll::cli
