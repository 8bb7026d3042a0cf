#include "text/json_writer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include <fmt/format.h>

#include <plimsoll/error.h>

#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

// A line that has a sink is sent in pieces of about this size; a quoted piece becomes at most six times as long.
constexpr std::size_t kPieceBytes = 8U << 10U;
constexpr std::size_t kQuotedBytes = 1U << 10U;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Of a character in UTF-8, as JSON writes what is not to be seen: by its units in UTF-16.
void append_escaped(std::string& out, std::string_view sequence) {
  const std::uint32_t point = utf8_decoded(sequence);
  if (point < 0x10000) fmt::format_to(std::back_inserter(out), "\\u{:04x}", point);
  else fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xD7C0 + (point >> 10U), 0xDC00 + (point & 0x3FFU));
}

// Of a character for which JSON has an escape of two letters; empty for others.
std::string_view short_escape(char c) {
  switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return {};
  }
}

// JSON, what is not to be seen in its strings escaped.
void append_visible(std::string& out, std::string_view json) {
  while (!json.empty()) {
    const std::size_t length = std::max<std::size_t>(1, utf8_sequence(json));
    const std::string_view sequence = json.substr(0, length);
    if (is_printable(sequence)) out += sequence;
    else append_escaped(out, sequence);
    json.remove_prefix(length);
  }
}

void append_quoted(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const std::string_view sequence = text.substr(0, length);
    if (length == 0) out += kReplacement;
    else if (const std::string_view escape = short_escape(text[0]); !escape.empty()) out += escape;
    else if (is_printable(sequence)) out += sequence;
    else append_escaped(out, sequence);
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
  append_visible(text_, json);
  return *this;
}

}  // namespace plimsoll::cli
