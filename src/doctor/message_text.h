#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/doctor.h>

namespace plimsoll::doctor {

/// `text` but for what it ends in of the characters of `tail`.
inline std::string_view without(std::string_view text, std::string_view tail) { return text.substr(0, text.find_last_not_of(tail) + 1); }

/// A stretch of a log around a phrase, in lower case and without blanks, so that it reads the same however it was wrapped; line ends are
/// kept as marks that searches pass over. Positions are of this text.
class MessageText {
 public:
  static constexpr std::size_t kNowhere = std::string_view::npos;

  /// Adds a line and gives where it begins. `in_number`: the line before was cut within a number, which goes on in this one.
  std::size_t add_line(std::string_view line, bool in_number = false);
  /// Tells that the last line is whole: a number that it ends with is, too.
  void end_line() { text_ += '\n'; }
  void clear();
  std::size_t size() const { return text_.size(); }

  /// Behind the phrase that the text was gathered for.
  std::size_t here() const { return here_; }
  void set_here(std::size_t here) { here_ = here; }
  /// Where the line ends that `here` is in.
  std::size_t line_end() const { return std::min(text_.find('\n', here_), text_.size()); }

  /// Where `label` (lower case, no blanks) begins, in [from, until); kNowhere if it does not.
  std::size_t find(std::string_view label, std::size_t from, std::size_t until = kNowhere) const;
  /// Behind `label`, likewise.
  std::size_t find_end(std::string_view label, std::size_t from, std::size_t until = kNowhere) const;
  /// Where `label` begins for the last time before `until`, within `bytes` of it.
  std::size_t find_before(std::string_view label, std::size_t until, std::size_t bytes) const;
  bool has(std::string_view label, std::size_t from, std::size_t until = kNowhere) const { return find(label, from, until) != kNowhere; }
  /// Whether `label` stands at `at`.
  bool starts(std::string_view label, std::size_t at) const { return end_of(label, at) != kNowhere; }
  /// Whether `label` ends at `at`.
  bool ends(std::string_view label, std::size_t at) const;

  /// The size that stands at `at`: digits and a unit, or digits alone if `bare`. A colon or equals sign may come first. What may be a part
  /// of a number is none: digits that the text ends with, or whose point it begins with.
  std::optional<Figure> size_at(std::size_t at, bool bare = false) const;
  /// A number of bytes that takes the whole range.
  std::optional<Figure> bytes_between(std::size_t begin, std::size_t end) const;
  /// The size that ends at `end`.
  std::optional<Figure> size_ending(std::size_t end) const;
  /// The size behind the first `label` in the range, and the one before it.
  std::optional<Figure> size_after(std::string_view label, std::size_t from, std::size_t until = kNowhere, bool bare = false) const;
  std::optional<Figure> size_before(std::string_view label, std::size_t from, std::size_t until = kNowhere) const;
  /// Whether the digits at `at` are a number that is not below kNoSize.
  bool no_size_at(std::size_t at) const;
  /// Digits at `at`.
  std::optional<std::int64_t> integer_at(std::size_t at) const;
  std::optional<std::int64_t> integer_ending(std::size_t end) const;
  /// What stands behind the last `label` before `until`, within `bytes` of it.
  std::optional<Figure> last_size(std::string_view label, std::size_t until, std::size_t bytes, bool bare = false) const;
  std::optional<std::int64_t> last_integer(std::string_view label, std::size_t until, std::size_t bytes) const;

  std::string_view text() const { return text_; }

 private:
  std::size_t end_of(std::string_view label, std::size_t at) const;
  std::size_t past_marks(std::size_t at) const;

  std::string text_;
  std::size_t here_ = 0;
};

}  // namespace plimsoll::doctor
