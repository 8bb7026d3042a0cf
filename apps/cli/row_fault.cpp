#include "row_fault.h"

#include <fmt/format.h>

namespace plimsoll::cli {

void report_fault(bool as_json, JsonWriter& json, Console& console, std::int64_t index, std::string_view id, const Error& error) {
  if (!as_json) {
    console.complain(fmt::format("row {}: {}", index, message(error)));
    return;
  }
  json.begin_object().key("index").value(index);
  if (!id.empty()) json.key("id").raw(id);
  json.key("error").begin_object().key("code").value(error_code_name(error.code)).key("message").value(message(error)).end_object();
  json.end_object().end_line();
}

}  // namespace plimsoll::cli
