#pragma once

namespace plimsoll::cli {

/// Of ASCII: the C library's own depends on the program's locale.
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace plimsoll::cli
