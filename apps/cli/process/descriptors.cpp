#include "process/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

namespace plimsoll::cli {

std::optional<int> named_descriptor(std::string_view path) {
  if (path == "/dev/stdin") return STDIN_FILENO;
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    int fd = -1;
    const std::string_view digits = path.substr(folder.size());
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), fd);
    if (code != std::errc{} || end != digits.data() + digits.size()) continue;
    // All that this program opens itself is closed on exec, and nothing that it was given is.
    const int flags = ::fcntl(fd, F_GETFD);
    return flags != -1 && (flags & FD_CLOEXEC) == 0 ? fd : -1;
  }
  return std::nullopt;
}

}  // namespace plimsoll::cli
