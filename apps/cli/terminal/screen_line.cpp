#include "terminal/screen_line.h"

#include <algorithm>
#include <array>

#include "text/utf8.h"

namespace plimsoll::cli {
namespace {

constexpr std::array<std::string_view, 6> kStyles = {"", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};

}  // namespace

ScreenLine& ScreenLine::add(std::string_view text, Style style) {
  const std::string_view part = clipped(text, left());
  column_ += display_width(part);
  const std::string_view code = terminal_->colour ? kStyles[static_cast<std::size_t>(style)] : std::string_view();
  text_ += code;
  text_ += part;
  if (!code.empty()) text_ += "\x1b[0m";
  return *this;
}

ScreenLine& ScreenLine::to(std::size_t column) { return add(std::string(column > column_ ? column - column_ : column_ > 0 ? 1 : 0, ' ')); }

std::string ScreenLine::text() const {
  if (!selected_) return text_;
  // Reverse video is no colour.
  return "\x1b[7m" + text_ + std::string(left(), ' ') + "\x1b[0m";
}

}  // namespace plimsoll::cli
