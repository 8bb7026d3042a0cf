#include "tokenizer/files/json_text.h"

#include <array>

namespace plimsoll::tokenizer {

namespace {

Error too_long(std::string_view what, std::size_t bytes) {
  return {ErrorCode::corrupt_file,
          std::string(what) + " of " + std::to_string(bytes) + " bytes outside of vocabulary and merges",
          {},
          "at most " + std::to_string(JsonText::kStringLimit) + " are read"};
}

}  // namespace

Status JsonText::begin_value() {
  if (++values_ > kValueLimit || text_.size() > kByteLimit)
    return Error{ErrorCode::corrupt_file, "the parts other than vocabulary and merges are larger than 256 KiB or 4,096 values"};
  if (comma_) text_ += ',';
  comma_ = true;
  return {};
}

void JsonText::quote(std::string_view value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  text_ += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (text_ += '\\') += c;
    else if (byte < 0x20) ((text_ += "\\u00") += kDigits[byte >> 4U]) += kDigits[byte & 15U];
    else text_ += c;
  }
  text_ += '"';
}

Status JsonText::key(std::string_view name) {
  if (name.size() > kStringLimit) return too_long("a key", name.size());
  charsmap_ = name == "precompiled_charsmap";
  PLIMSOLL_CHECK(begin_value());
  quote(name);
  text_ += ':';
  comma_ = false;
  return {};
}

Status JsonText::string(std::string_view value) {
  const bool long_one = value.size() > kStringLimit;
  if (long_one && !charsmap_) return too_long("a string", value.size());
  PLIMSOLL_CHECK(begin_value());
  quote(long_one ? std::string_view() : value);
  return {};
}

Status JsonText::literal(std::string_view text) {
  PLIMSOLL_CHECK(begin_value());
  text_ += text;
  return {};
}

Status JsonText::open(char bracket) {
  PLIMSOLL_CHECK(begin_value());
  text_ += bracket;
  comma_ = false;
  return {};
}

void JsonText::close(char bracket) {
  text_ += bracket;
  comma_ = true;
}

}  // namespace plimsoll::tokenizer
