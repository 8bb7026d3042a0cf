#pragma once

#include <string>
#include <string_view>

#include <plimsoll/result.h>

namespace plimsoll::tokenizer {

/// Writes JSON events back as text, within limits, so that the small sections of a big file can be read as a document.
class JsonText {
 public:
  static constexpr std::size_t kByteLimit = std::size_t{256} << 10U;
  static constexpr std::size_t kValueLimit = 4096;
  /// Longer strings are refused, but that of the one key whose part is refused by its type: it is written empty.
  static constexpr std::size_t kStringLimit = std::size_t{16} << 10U;

  Status key(std::string_view name);
  Status string(std::string_view value);
  /// A number, true, false or null as it is written.
  Status literal(std::string_view text);
  Status open(char bracket);
  void close(char bracket);

  std::string take() { return std::move(text_); }

 private:
  Status begin_value();
  void quote(std::string_view value);

  std::string text_;
  std::size_t values_ = 0;
  bool charsmap_ = false;  // the last key was
  bool comma_ = false;     // something stands before at this level
};

}  // namespace plimsoll::tokenizer
