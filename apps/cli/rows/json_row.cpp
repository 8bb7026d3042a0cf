#include "rows/json_row.h"

#include <algorithm>

#include <fmt/format.h>

#include "text/digit.h"
#include "text/json_writer.h"

namespace plimsoll::cli {
namespace {

// Longer texts give their memory back before the next row is read.
constexpr std::size_t kKeptBytes = 128U << 10U;

constexpr std::array<std::string_view, 3> kFieldNames = {"id", "text", "text_pair"};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

Error bad_row(std::string what, std::string where = {}) {
  return Error{ErrorCode::bad_row, std::move(what), std::move(where), R"(write {"text": "..."} with optional "id" and "text_pair")"};
}

}  // namespace

void JsonRow::clear() {
  id_.clear();
  text_.clear(kKeptBytes);
  pair_.clear(kKeptBytes);
  id_whole_ = has_pair_ = too_long_ = false;
  offset_ = depth_ = 0;
  expect_ = Expect::row;
  seen_.reset();
  fault_.reset();
}

void JsonRow::fail(std::string what) { fault_ = bad_row(std::move(what)); }

void JsonRow::refuse(std::string_view what) {
  fault_ = bad_row(fmt::format("this is not JSON: {}", what), fmt::format("byte {}", offset_));
}

void JsonRow::refuse_type() {
  if (field_ == Field::id) return fail("\"id\" is neither a string, a number, true, false nor null");
  fail(fmt::format("\"{}\" is not a string", kFieldNames[static_cast<std::size_t>(field_)]));
}

void JsonRow::feed(std::string_view piece) {
  const std::size_t before = offset_;
  for (std::size_t at = 0; at < piece.size() && !fault_;) {
    offset_ = before + at;
    const char c = piece[at];
    if (expect_ == Expect::string) {
      read_string(piece, at);
      continue;
    }
    if (expect_ == Expect::number && !read_digit(c)) {
      end_number();
      continue;
    }
    if (expect_ == Expect::literal) read_literal(c);
    else if (expect_ != Expect::number && !is_space(c)) read_structure(c);
    ++at;
  }
  offset_ = before + piece.size();
}

Status JsonRow::finish() {
  if (blank()) return bad_row("the line is empty");
  if (!fault_ && expect_ != Expect::nothing) refuse("the row ends too soon");
  if (!fault_ && !seen_[static_cast<std::size_t>(Field::text)]) fail("the row has no \"text\"");
  return fault_ ? Status(*fault_) : Status();
}

void JsonRow::read_structure(char c) {
  switch (expect_) {
    case Expect::row: return c == '{' ? open(true) : fail("the row is not an object");
    case Expect::first_key:
    case Expect::key:
      if (c == '}' && expect_ == Expect::first_key) return close(true);
      if (c != '"') return refuse("a key is missing");
      in_key_ = true;
      name_size_ = 0;
      string_.start();
      expect_ = Expect::string;
      return;
    case Expect::colon:
      if (c != ':') return refuse("a colon is missing");
      expect_ = Expect::value;
      return;
    case Expect::first_item:
    case Expect::value: return c == ']' && expect_ == Expect::first_item ? close(false) : begin_value(c);
    case Expect::comma:
      // Where a number or a word goes on as none can, its beginning is no id.
      if (is_value_of(Field::id) && (c == ',' || c == '}')) id_whole_ = true;
      if (c == '}' || c == ']') return close(c == '}');
      if (c != ',') return refuse("a comma or a closing bracket is missing");
      expect_ = objects_[depth_ - 1] ? Expect::key : Expect::value;
      return;
    default: return refuse("something follows the row");
  }
}

void JsonRow::begin_value(char c) {
  in_key_ = false;
  const bool of_text = is_value_of(Field::text) || is_value_of(Field::pair);
  if (c == '"') {
    string_.start();
    expect_ = Expect::string;
    return;
  }
  if (c == '{' || c == '[') return depth_ == 1 && field_ != Field::other ? refuse_type() : open(c == '{');
  literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" : "";
  if (literal_.empty() && c != '-' && !is_digit(c)) return refuse("a value is missing");
  if (of_text && !(c == 'n' && field_ == Field::pair)) return refuse_type();
  expect_ = literal_.empty() ? Expect::number : Expect::literal;
  digits_ = c == '-' ? Digits::sign : c == '0' ? Digits::zero : Digits::whole;
  keep({&c, 1});
}

void JsonRow::open(bool object) {
  if (depth_ == kDeepestRow) return fail(fmt::format("the row is nested more than {} deep", kDeepestRow));
  objects_[depth_++] = object;
  expect_ = object ? Expect::first_key : Expect::first_item;
}

void JsonRow::close(bool object) {
  if (objects_[depth_ - 1] != object) return refuse("the wrong bracket closes");
  --depth_;
  end_value();
}

void JsonRow::read_string(std::string_view piece, std::size_t& at) {
  std::string_view bytes;
  const std::size_t start = at;
  const JsonString::Now now = string_.read(piece, at, bytes);
  offset_ += at - start;
  if (now == JsonString::Now::bad) return refuse(string_.fault());
  keep(bytes);
  if (now == JsonString::Now::closed && !fault_) end_string();
}

void JsonRow::end_string() {
  if (in_key_) return end_key();
  if (is_value_of(Field::id)) {
    JsonWriter json;
    json.value(std::string_view(id_));
    id_ = json.text();
    id_whole_ = true;
  }
  has_pair_ = has_pair_ || is_value_of(Field::pair);
  end_value();
}

void JsonRow::end_key() {
  expect_ = Expect::colon;
  if (depth_ != 1) return;
  const auto* const known = std::find(kFieldNames.begin(), kFieldNames.end(), std::string_view(name_.data(), name_size_));
  const auto index = static_cast<std::size_t>(known - kFieldNames.begin());
  field_ = static_cast<Field>(index);
  if (field_ == Field::other) return;
  if (seen_[index]) return fail(fmt::format("\"{}\" is given twice", *known));
  seen_.set(index);
}

void JsonRow::end_value() { expect_ = depth_ == 0 ? Expect::nothing : Expect::comma; }

void JsonRow::read_literal(char c) {
  if (c != literal_[0]) return refuse("there is no such word");
  literal_.remove_prefix(1);
  keep({&c, 1});
  if (literal_.empty() && !fault_) end_value();
}

bool JsonRow::read_digit(char c) {
  const Digits before = digits_;
  const bool digit = is_digit(c);
  switch (before) {
    case Digits::sign:
      if (digit) digits_ = c == '0' ? Digits::zero : Digits::whole;
      break;
    case Digits::point:
      if (digit) digits_ = Digits::fraction;
      break;
    case Digits::exponent:
      if (c == '+' || c == '-') digits_ = Digits::exponent_sign;
      [[fallthrough]];
    case Digits::exponent_sign:
      if (digit) digits_ = Digits::exponent_digits;
      break;
    case Digits::zero:
    case Digits::whole:
      if (c == '.') digits_ = Digits::point;
      [[fallthrough]];
    case Digits::fraction:
      if (c == 'e' || c == 'E') digits_ = Digits::exponent;
      break;
    case Digits::exponent_digits: break;
  }
  const bool more = digit && (before == Digits::whole || before == Digits::fraction || before == Digits::exponent_digits);
  if (digits_ == before && !more) return false;
  keep({&c, 1});
  return true;
}

void JsonRow::end_number() {
  if (digits_ == Digits::sign || digits_ == Digits::point || digits_ == Digits::exponent || digits_ == Digits::exponent_sign)
    return refuse("a number lacks a digit");
  end_value();
}

void JsonRow::keep(std::string_view bytes) {
  if (bytes.empty() || depth_ != 1) return;
  if (in_key_) {
    // A name that is too long is cut behind the longest that is known, and so is none of them.
    const std::size_t size = std::min(bytes.size(), name_.size() - name_size_);
    std::copy_n(bytes.begin(), size, name_.begin() + static_cast<std::ptrdiff_t>(name_size_));
    name_size_ += size;
  } else if (field_ == Field::id) {
    if (bytes.size() > kLongestId - id_.size()) return fail(fmt::format("\"id\" is longer than {} bytes", kLongestId));
    id_ += bytes;
  } else if (field_ == Field::text) {
    keep_text(text_, bytes);
  } else if (field_ == Field::pair && expect_ == Expect::string) {
    keep_text(pair_, bytes);
  }
}

void JsonRow::keep_text(GrowingBytes& place, std::string_view bytes) {
  const std::size_t held = text_.size() + pair_.size();
  if (!too_long_ && bytes.size() <= longest_ - std::min(longest_, held) && place.append(bytes)) return;
  too_long_ = true;
  text_.release();
  pair_.release();
}

}  // namespace plimsoll::cli
