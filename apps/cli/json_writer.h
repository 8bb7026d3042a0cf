#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <plimsoll/bytes.h>

namespace plimsoll::cli {

/// Builds one line of JSON in a string. Commas are put by the writer; brackets are the caller's to balance. The result is
/// always valid UTF-8 without line ends, whatever bytes strings hold (those that are not UTF-8 become U+FFFD).
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(int number) { return value(static_cast<std::int64_t>(number)); }
  JsonWriter& value(Bytes size);
  JsonWriter& value(bool truth);
  /// The shortest digits that read back to the same float. JSON has no word for what is not finite: null.
  JsonWriter& value(float number);
  JsonWriter& value(double number);
  JsonWriter& null() { return raw("null"); }
  /// A value that is JSON already.
  JsonWriter& raw(std::string_view json);

  const std::string& text() const { return text_; }
  void clear();

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void quote(std::string_view text);

  std::string text_;
  bool first_ = true;
};

}  // namespace plimsoll::cli
