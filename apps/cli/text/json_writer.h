#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <plimsoll/bytes.h>

namespace plimsoll::cli {

/// Builds one line of JSON in a string, or sends it to a sink piece by piece. Commas are put by the writer; brackets are the caller's to
/// balance. The result is always valid UTF-8 without line ends, whatever bytes strings hold (those that are not UTF-8 become U+FFFD).
class JsonWriter {
 public:
  /// Where pieces of a line go, whole UTF-8 sequences each.
  using Sink = std::function<void(std::string_view)>;

  JsonWriter() = default;
  /// Holds 16 KiB of a line at most (and what is `raw`), however long it is; `end_line` sends the rest.
  explicit JsonWriter(Sink sink) : sink_(std::move(sink)) {}

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

  /// Without a sink: the line so far.
  const std::string& text() const { return text_; }
  /// With a sink: ends the line and starts the next.
  void end_line();
  void clear();

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void quote(std::string_view text);
  void drain();

  Sink sink_;
  std::string text_;
  bool first_ = true;
};

}  // namespace plimsoll::cli
