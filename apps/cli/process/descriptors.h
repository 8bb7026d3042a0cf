#pragma once

#include <optional>
#include <string_view>

namespace plimsoll::cli {

/// The descriptor that /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N or /proc/self/fd/N stands for. It is open already, so
/// using it cannot block, and a file that it was redirected to is gone on with, not begun anew. -1 where whoever started this process gave
/// it none of that number: what it has opened since then is not meant by it, were the number the same.
std::optional<int> named_descriptor(std::string_view path);

}  // namespace plimsoll::cli
