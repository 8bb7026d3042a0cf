#include "terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace plimsoll::cli {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool locale_is_utf8() {
  std::string_view locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    locale = variable(name);
    if (!locale.empty()) break;
  }
  for (const std::string_view encoding : {"UTF-8", "utf-8", "UTF8", "utf8"}) {
    if (locale.find(encoding) != std::string_view::npos) return true;
  }
  return false;
}

std::size_t columns_of(int fd, std::size_t most) {
  static constexpr std::size_t kLeast = 40;
  winsize size{};
  if (::isatty(fd) == 1 && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::clamp<std::size_t>(size.ws_col, kLeast, most);
  const std::string_view text = variable("COLUMNS");
  std::size_t columns = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), columns);
  return code == std::errc{} && end == text.data() + text.size() ? std::clamp(columns, kLeast, most) : 80;
}

}  // namespace

Terminal describe_terminal(int fd, std::size_t most) {
  Terminal terminal;
  terminal.interactive = ::isatty(fd) == 1;
  terminal.colour = terminal.interactive && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  terminal.unicode = locale_is_utf8();
  terminal.columns = columns_of(fd, most);
  return terminal;
}

}  // namespace plimsoll::cli
