#pragma once

#include <string>

#include "json/json_reader.h"

namespace plimsoll::testing {

/// Writes every event into one line, strings between bars.
class Recorder final : public JsonHandler {
 public:
  std::string log;
  std::size_t refuse_after = 0;  ///< if not 0: the n-th event is refused
  std::size_t events = 0;

  Status on_null() override { return add("null"); }
  Status on_bool(bool value) override { return add(value ? "true" : "false"); }
  Status on_integer(std::int64_t value) override { return add("i" + std::to_string(value)); }
  Status on_unsigned(std::uint64_t value) override { return add("u" + std::to_string(value)); }
  Status on_number(double value) override { return add("d" + std::to_string(value)); }
  Status on_string(std::string_view value) override { return add("|" + std::string(value) + "|"); }
  Status on_key(std::string_view name) override { return add(std::string(name) + ":"); }
  Status begin_object() override { return add("{"); }
  Status end_object() override { return add("}"); }
  Status begin_array() override { return add("["); }
  Status end_array() override { return add("]"); }

 private:
  Status add(const std::string& event) {
    if (++events == refuse_after) return Error{ErrorCode::unsupported, "refused by the test"};
    log += (log.empty() ? "" : " ") + event;
    return {};
  }
};

}  // namespace plimsoll::testing
