#include "rows/row_fault.h"

#include <fmt/format.h>

namespace plimsoll::cli {

Error stopped_at(const Row& row, const Error& fault) {
  return Error{ErrorCode::bad_row, fmt::format("{} cannot be used: {}", row_name(row), fault.what), "--fail-fast",
               "mend the row, or leave the flag out to go on past it"};
}

void report_fault(bool as_json, JsonWriter& json, Console& console, const Row& row, const Error& error) {
  if (!as_json) {
    console.complain(fmt::format("{}: {}", row_name(row), message(error)));
    return;
  }
  json.begin_object().key("index").value(row.index);
  if (row.line > 0) json.key("line").value(row.line);
  if (!row.id.empty()) json.key("id").raw(row.id);
  json.key("error").begin_object().key("code").value(error_code_name(error.code)).key("message").value(message(error)).end_object();
  json.end_object().end_line();
}

}  // namespace plimsoll::cli
