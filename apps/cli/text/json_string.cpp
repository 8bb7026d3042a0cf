#include "text/json_string.h"

#include "text/digit.h"
#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

constexpr std::string_view kNotUtf8 = "a string is not UTF-8";
constexpr std::string_view kHalfPair = "an escape is half of a surrogate pair";

bool is_high(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

/// Bytes of `text` that stand for themselves. A sequence that its end cuts is not among them.
std::size_t plain_bytes(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const auto byte = static_cast<unsigned char>(text[size]);
    if (byte < 0x20 || byte == '"' || byte == '\\') break;
    const std::size_t length = byte < 0x80 ? 1 : utf8_sequence(text.substr(size));
    if (length == 0) break;
    size += length;
  }
  return size;
}

/// Bytes of the sequence that `lead` begins; 1 when it begins none.
std::size_t sequence_size(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0xC2 || byte > 0xF4) return 1;
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
}

/// What `\c` stands for, 0 when nothing does.
char unescaped(char c) {
  static constexpr std::string_view kLetters = "\"\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const std::size_t at = kLetters.find(c);
  return at == std::string_view::npos ? '\0' : kMeanings[at];
}

}  // namespace

JsonString::Now JsonString::refuse(std::string_view fault) {
  fault_ = fault;
  return Now::bad;
}

JsonString::Now JsonString::read(std::string_view piece, std::size_t& at, std::string_view& out) {
  out = {};
  Now now = Now::open;
  switch (step_) {
    case Step::plain: return read_plain(piece, at, out);
    case Step::sequence: now = read_sequence(piece[at], out); break;
    case Step::escape: now = read_escape(piece[at], out); break;
    case Step::hex: now = read_hex(piece[at], out); break;
    case Step::low_backslash:
      if (piece[at] != '\\') return refuse(kHalfPair);
      step_ = Step::low_u;
      break;
    case Step::low_u:
      if (piece[at] != 'u') return refuse(kHalfPair);
      step_ = Step::hex;
      break;
  }
  if (now != Now::bad) ++at;
  return now;
}

JsonString::Now JsonString::read_plain(std::string_view piece, std::size_t& at, std::string_view& out) {
  out = piece.substr(at, plain_bytes(piece.substr(at)));
  at += out.size();
  if (at == piece.size()) return Now::open;
  const auto byte = static_cast<unsigned char>(piece[at]);
  if (byte < 0x20) return refuse("a control character stands in a string");
  if (byte == '"') {
    ++at;
    return Now::closed;
  }
  if (byte == '\\') ++at;
  step_ = byte == '\\' ? Step::escape : Step::sequence;
  return Now::open;
}

JsonString::Now JsonString::read_sequence(char byte, std::string_view& out) {
  held_[held_size_++] = byte;
  if (held_size_ < sequence_size(held_[0])) return Now::open;
  if (utf8_sequence({held_.data(), held_size_}) != held_size_) return refuse(kNotUtf8);
  out = {held_.data(), held_size_};
  held_size_ = 0;
  step_ = Step::plain;
  return Now::open;
}

JsonString::Now JsonString::read_escape(char byte, std::string_view& out) {
  if (byte == 'u') {
    step_ = Step::hex;
    return Now::open;
  }
  held_[0] = unescaped(byte);
  if (held_[0] == '\0') return refuse("there is no such escape");
  out = {held_.data(), 1};
  step_ = Step::plain;
  return Now::open;
}

JsonString::Now JsonString::read_hex(char byte, std::string_view& out) {
  const char lower = byte >= 'A' && byte <= 'F' ? static_cast<char>(byte - 'A' + 'a') : byte;
  const bool digit = is_digit(lower);
  if (!digit && (lower < 'a' || lower > 'f')) return refuse("an escape has fewer than four digits");
  unit_ = unit_ * 16 + static_cast<std::uint32_t>(digit ? lower - '0' : lower - 'a' + 10);
  return ++digits_ < 4 ? Now::open : end_unit(out);
}

JsonString::Now JsonString::end_unit(std::string_view& out) {
  if (is_low(unit_) != (high_ != 0)) return refuse(kHalfPair);
  if (is_high(unit_)) {
    high_ = unit_;
    step_ = Step::low_backslash;
  } else {
    const std::uint32_t point = high_ == 0 ? unit_ : 0x10000 + ((high_ - 0xD800) << 10U) + (unit_ - 0xDC00);
    out = {held_.data(), utf8_encode(point, held_)};
    high_ = 0;
    step_ = Step::plain;
  }
  unit_ = 0;
  digits_ = 0;
  return Now::open;
}

}  // namespace plimsoll::cli
