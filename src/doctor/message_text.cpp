#include "doctor/message_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/letters.h"
#include "doctor/figure.h"

namespace plimsoll::doctor {
namespace {

bool is_number(char c) { return is_digit(c) || c == '.' || c == ','; }

bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

// The longest first: "bytes" also ends as "s" would, "gib" as "b".
constexpr std::array<std::string_view, 15> kUnits = {"bytes", "byte", "tib", "gib", "mib", "kib", "tb", "gb",
                                                     "mb",    "kb",   "t",   "g",   "m",   "k",   "b"};
// Digits of a number that anybody would write; longer ones are none.
constexpr std::size_t kLongestNumber = 40;

/// Whether digits without a unit that end at `at` go on behind it: "1_073", "1'073", "0x1f", "1e999", and with a date or a time of another
/// log behind it.
bool goes_on(std::string_view text, std::size_t at) {
  if (at + 1 >= text.size()) return at == text.size();
  const char c = text[at];
  if (c == 'x') return at > 0 && text[at - 1] == '0';
  if (!is_digit(text[at + 1])) return false;
  return c == '_' || c == '\'' || c == 'e' || c == '-' || c == ':';
}

/// Whether digits that begin at `at` are a part of "1_073", "1'073", "0x1f", "1e999" or "-5", or ".20" is what is left of a number.
bool goes_back(std::string_view text, std::size_t at, bool point) {
  if (point && (at == 0 || text[at] == '\n')) return true;
  if (at == 0) return false;
  const char c = text[at - 1];
  std::size_t hex = at;
  while (hex > 0 && is_hex_digit(text[hex - 1])) --hex;
  if (hex > 1 && text[hex - 1] == 'x' && text[hex - 2] == '0') return true;
  return c == '-' || (at > 1 && is_digit(text[at - 2]) && (c == '_' || c == '\'' || is_letter(c)));
}

// "8." at the end of a sentence, "1," in a list.
std::string_view without_tail(std::string_view number) {
  while (!number.empty() && !is_digit(number.back())) number.remove_suffix(1);
  return number;
}

}  // namespace

std::size_t MessageText::add_line(std::string_view line, bool in_number) {
  if (!text_.empty() && !in_number) text_ += '\n';
  const std::size_t begin = text_.size();
  for (const char c : line) {
    if (c != ' ') text_ += to_lower(c);
  }
  return begin;
}

void MessageText::clear() {
  text_.clear();
  here_ = 0;
}

std::size_t MessageText::past_marks(std::size_t at) const {
  while (at < text_.size() && text_[at] == '\n') ++at;
  return at;
}

std::size_t MessageText::end_of(std::string_view label, std::size_t at) const {
  for (const char c : label) {
    at = past_marks(at);
    if (at >= text_.size() || text_[at] != c) return kNowhere;
    ++at;
  }
  return at;
}

std::size_t MessageText::find(std::string_view label, std::size_t from, std::size_t until) const {
  const std::size_t end = std::min(until, text_.size());
  for (std::size_t at = from; at < end; ++at) {
    at = text_.find(label[0], at);
    if (at >= end) break;
    const std::size_t behind = end_of(label, at);
    if (behind != kNowhere && behind <= end) return at;
  }
  return kNowhere;
}

std::size_t MessageText::find_end(std::string_view label, std::size_t from, std::size_t until) const {
  const std::size_t at = find(label, from, until);
  return at == kNowhere ? kNowhere : end_of(label, at);
}

std::size_t MessageText::find_before(std::string_view label, std::size_t until, std::size_t bytes) const {
  std::size_t last = kNowhere;
  for (std::size_t at = find(label, until - std::min(until, bytes), until); at != kNowhere; at = find(label, at + 1, until)) last = at;
  return last;
}

bool MessageText::ends(std::string_view label, std::size_t at) const {
  at = std::min(at, text_.size());
  for (std::size_t i = label.size(); i > 0; --i) {
    while (at > 0 && text_[at - 1] == '\n') --at;
    if (at == 0 || text_[at - 1] != label[i - 1]) return false;
    --at;
  }
  return true;
}

std::optional<Figure> MessageText::size_at(std::size_t at, bool bare) const {
  at = past_marks(std::min(at, text_.size()));
  if (at < text_.size() && (text_[at] == ':' || text_[at] == '=')) at = past_marks(at + 1);
  std::string number;
  while (at < text_.size() && number.size() < kLongestNumber && is_number(text_[at])) number += text_[at++];
  const bool broken = at < text_.size() && text_[at] == '\n';
  const auto unit_at = [&](std::size_t place) -> std::string_view {
    for (const std::string_view unit : kUnits) {
      if (end_of(unit, place) != kNowhere) return unit;
    }
    return {};
  };
  std::string_view unit = unit_at(at);
  if (unit.empty() && broken) {
    // The line was broken within the number, if a unit follows its rest.
    std::size_t rest = past_marks(at);
    std::string whole = number;
    while (rest < text_.size() && whole.size() < kLongestNumber && is_number(text_[rest])) whole += text_[rest++];
    if (const std::string_view behind = unit_at(rest); whole.size() > number.size() && behind.size() > 1) {
      number = whole;
      unit = behind;
    }
  }
  if (unit.empty() && !bare) return std::nullopt;
  // A single letter may as well begin the next word.
  if (bare && unit.size() < 2) unit = {};
  if (unit.empty() && goes_on(text_, at)) return std::nullopt;
  return read_figure(without_tail(number), unit);
}

std::optional<Figure> MessageText::bytes_between(std::size_t begin, std::size_t end) const {
  std::string number;
  for (std::size_t at = begin; at < std::min(end, text_.size()) && number.size() < kLongestNumber; ++at) {
    if (text_[at] != '\n') number += text_[at];
  }
  return read_figure(number, "");
}

std::optional<Figure> MessageText::size_ending(std::size_t end) const {
  end = std::min(end, text_.size());
  std::size_t at = end;
  std::string_view unit;
  for (const std::string_view candidate : kUnits) {
    if (!ends(candidate, end)) continue;
    unit = candidate;
    for (std::size_t left = unit.size(); left > 0; --at) left -= text_[at - 1] == '\n' ? 0 : 1;
    break;
  }
  if (unit.empty()) return std::nullopt;
  std::string number;
  while (at > 0 && number.size() < kLongestNumber && (is_number(text_[at - 1]) || text_[at - 1] == '\n')) {
    --at;
    if (text_[at] != '\n') number += text_[at];
  }
  std::ranges::reverse(number);
  if (goes_back(text_, at, number.starts_with('.'))) return std::nullopt;
  while (!number.empty() && !is_digit(number.front())) number.erase(0, 1);
  return read_figure(number, unit);
}

std::optional<Figure> MessageText::size_after(std::string_view label, std::size_t from, std::size_t until, bool bare) const {
  const std::size_t at = find_end(label, from, until);
  return at == kNowhere ? std::nullopt : size_at(at, bare);
}

std::optional<Figure> MessageText::size_before(std::string_view label, std::size_t from, std::size_t until) const {
  const std::size_t at = find(label, from, until);
  return at == kNowhere ? std::nullopt : size_ending(at);
}

bool MessageText::no_size_at(std::size_t at) const {
  at = past_marks(at);
  if (at >= text_.size() || !is_digit(text_[at])) return false;
  const auto number = integer_at(at);
  return !number || std::cmp_greater_equal(*number, kNoSize);
}

std::optional<std::int64_t> MessageText::integer_at(std::size_t at) const {
  at = past_marks(at);
  if (at < text_.size() && (text_[at] == ':' || text_[at] == '=')) at = past_marks(at + 1);
  std::int64_t value = 0;
  const char* const end = text_.data() + text_.size();
  const char* const begin = text_.data() + std::min(at, text_.size());
  const auto read = std::from_chars(begin, end, value);
  if (read.ec != std::errc() || begin == end || !is_digit(*begin)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> MessageText::integer_ending(std::size_t end) const {
  end = std::min(end, text_.size());
  while (end > 0 && text_[end - 1] == '\n') --end;
  std::size_t at = end;
  while (at > 0 && is_digit(text_[at - 1])) --at;
  return at == end ? std::nullopt : integer_at(at);
}

std::optional<Figure> MessageText::last_size(std::string_view label, std::size_t until, std::size_t bytes, bool bare) const {
  const std::size_t at = find_before(label, until, bytes);
  return at == kNowhere ? std::nullopt : size_at(end_of(label, at), bare);
}

std::optional<std::int64_t> MessageText::last_integer(std::string_view label, std::size_t until, std::size_t bytes) const {
  const std::size_t at = find_before(label, until, bytes);
  return at == kNowhere ? std::nullopt : integer_at(end_of(label, at));
}

}  // namespace plimsoll::doctor
