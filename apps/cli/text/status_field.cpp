#include "text/status_field.h"

#include <charconv>
#include <cstdint>

namespace plimsoll::cli {

std::optional<Bytes> status_field(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const std::string_view line = status.substr(0, status.find('\n'));
    status.remove_prefix(line.size() + (line.size() < status.size() ? 1 : 0));
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
    const std::size_t digits = line.find_first_of("0123456789", name.size());
    std::uint64_t kilobytes = 0;
    if (digits == std::string_view::npos || std::from_chars(line.data() + digits, line.data() + line.size(), kilobytes).ec != std::errc())
      return std::nullopt;
    return kib(kilobytes);
  }
  return std::nullopt;
}

}  // namespace plimsoll::cli
