#include "text/json_writer.h"

#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

// A line that has a sink is sent in pieces of about this size; a quoted piece becomes at most six times as long.
constexpr std::size_t kPieceBytes = 8U << 10U;
constexpr std::size_t kQuotedBytes = 1U << 10U;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// U+0085, U+2028 and U+2029 are legal in JSON, but many readers of lines take them for line ends.
bool is_line_end(std::string_view sequence) { return sequence == "\xC2\x85" || sequence == "\xE2\x80\xA8" || sequence == "\xE2\x80\xA9"; }

void append_line_end(std::string& out, std::string_view sequence) {
  out += sequence == "\xC2\x85" ? "\\u0085" : sequence == "\xE2\x80\xA8" ? "\\u2028" : "\\u2029";
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  if (static_cast<unsigned char>(c) < 0x20) fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
  else out += c;
}

void append_quoted(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) out += kReplacement;
    else if (length == 1) append_ascii(out, text[0]);
    else if (is_line_end(text.substr(0, length))) append_line_end(out, text.substr(0, length));
    else out += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

template <typename Float>
void append_float(std::string& out, Float number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  const std::size_t start = out.size();
  fmt::format_to(std::back_inserter(out), "{}", number);
  // "-0" and "3" would be read back as integers.
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

}  // namespace

void JsonWriter::clear() {
  text_.clear();
  first_ = true;
}

void JsonWriter::end_line() {
  text_ += '\n';
  sink_(text_);
  clear();
}

void JsonWriter::drain() {
  if (!sink_ || text_.size() < kPieceBytes) return;
  sink_(text_);
  text_.clear();
}

void JsonWriter::separate() {
  drain();
  if (!first_) text_ += ", ";
  first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  text_ += ": ";
  first_ = true;
  return *this;
}

void JsonWriter::quote(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    const std::string_view piece = utf8_start(text, kQuotedBytes);
    append_quoted(text_, piece);
    drain();
    text.remove_prefix(piece.size());
  }
  text_ += '"';
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

JsonWriter& JsonWriter::value(std::int64_t number) {
  separate();
  fmt::format_to(std::back_inserter(text_), "{}", number);
  return *this;
}

JsonWriter& JsonWriter::value(Bytes size) {
  separate();
  fmt::format_to(std::back_inserter(text_), "{}", size.count);
  return *this;
}

JsonWriter& JsonWriter::value(bool truth) { return raw(truth ? "true" : "false"); }

JsonWriter& JsonWriter::value(float number) {
  separate();
  append_float(text_, number);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  separate();
  append_float(text_, number);
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  text_ += json;
  return *this;
}

}  // namespace plimsoll::cli
