#pragma once

#include <string>
#include <string_view>

#include "terminal/terminal.h"

namespace plimsoll::cli {

/// A line of a screen, put together from pieces and cut at the terminal's width.
class ScreenLine {
 public:
  enum class Style : std::uint8_t { plain, strong, faint, good, warning, bad };

  /// The terminal outlives the line.
  explicit ScreenLine(const Terminal& terminal) : terminal_(&terminal) {}

  /// Control characters are the caller's to keep out.
  ScreenLine& add(std::string_view text, Style style = Style::plain);
  /// Blanks up to a column; at least one if the line is there already.
  ScreenLine& to(std::size_t column);
  std::size_t column() const { return column_; }
  std::size_t left() const { return terminal_->columns - column_; }
  /// The whole line as the selected one.
  void select() { selected_ = true; }
  std::string text() const;

 private:
  const Terminal* terminal_;
  std::size_t column_ = 0;
  std::string text_;
  bool selected_ = false;
};

}  // namespace plimsoll::cli
