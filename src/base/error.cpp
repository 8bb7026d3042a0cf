#include <plimsoll/error.h>

#include <array>
#include <cstddef>
#include <new>

#include "base/utf8.h"

namespace plimsoll {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, which is not empty, or 0.
std::size_t utf8_length(std::string_view text) {
  const utf8::Decoded first = utf8::decode(text, 0);
  return first.valid ? first.size : 0;
}

// Of a character in UTF-8.
bool is_control(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (lead < 0x20 || lead == 0x7F) return true;
  // C1 controls, and what could disguise a message: line and bidirectional controls (U+200E-200F, U+2028-202E, U+2066-2069, U+061C), and
  // characters that are never seen or change how others are (U+2060-2065, U+206A-206F, U+FFF9-FFFB, U+E0000-E007F).
  const auto last = static_cast<unsigned char>(sequence.back());
  if (lead == 0xC2) return last < 0xA0;
  if (sequence.starts_with("\xE2\x80")) return last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE);
  if (sequence.starts_with("\xE2\x81")) return last >= 0xA0 && last <= 0xAF;
  if (sequence.starts_with("\xF3\xA0")) return sequence[2] == '\x80' || sequence[2] == '\x81';
  if (sequence.starts_with("\xEF\xBF")) return last >= 0xB9 && last <= 0xBB;
  return sequence == "\xD8\x9C";
}

void append_escaped(std::string& out, char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(c);
  out += "\\x";
  out += kHex[value >> 4U];
  out += kHex[value & 15U];
}

}  // namespace

std::string_view error_code_name(ErrorCode code) {
  static constexpr std::array<std::string_view, 11> kNames = {"usage",        "not_found",     "unsupported", "corrupt_file",
                                                              "does_not_fit", "out_of_memory", "io",          "bad_row",
                                                              "cancelled",    "internal",      "device_lost"};
  return kNames[static_cast<std::size_t>(code)];
}

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage: return 2;
    case ErrorCode::not_found: return 3;
    case ErrorCode::unsupported: return 4;
    case ErrorCode::corrupt_file: return 5;
    case ErrorCode::does_not_fit:
    case ErrorCode::out_of_memory: return 6;
    case ErrorCode::cancelled: return 130;
    case ErrorCode::io:
    case ErrorCode::bad_row:
    case ErrorCode::internal:
    case ErrorCode::device_lost: return 1;
  }
  return 1;
}

Error heap_exhausted() noexcept {
  Error error;
  error.code = ErrorCode::out_of_memory;
  try {
    error.what = "out of memory";  // so short that the strings hold it themselves
    error.where = "cpu";
    error.advice = "close other programs or raise the limit on this process";
    error.what = "the system refused memory";
  } catch (...) {
    // What is set by then says enough.
  }
  return error;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "...";
    const std::size_t length = utf8_length(text);
    if (length == 0 || is_control(text.substr(0, length))) {
      for (std::size_t i = 0; i < (length == 0 ? 1 : length); ++i) append_escaped(out, text[i]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

bool is_printable(std::string_view sequence) { return !is_control(sequence); }

std::string message(const Error& error) {
  std::string line = printable(error.what, 600);
  if (!error.where.empty()) line += " (" + printable(error.where, 400) + ")";
  if (!error.advice.empty()) line += ": " + printable(error.advice, 800);
  return line;
}

}  // namespace plimsoll
