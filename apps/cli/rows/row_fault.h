#pragma once

#include "rows/row_source.h"
#include "terminal/console.h"
#include "text/json_writer.h"

namespace plimsoll::cli {

/// What ends a command that was told to stop at the first bad row.
Error stopped_at(const Row& row, const Error& fault);

/// Tells of a row that could not be used: an object of its own among the results (`as_json`, DESIGN.md section 6), else a line
/// on standard error, also when quiet. `json` is at the start of a line.
void report_fault(bool as_json, JsonWriter& json, Console& console, const Row& row, const Error& error);

}  // namespace plimsoll::cli
