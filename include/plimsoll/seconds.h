#pragma once

#include <string>

#pragma GCC visibility push(default)

namespace plimsoll {

/// "11.5 us", "1.41 ms", "2.30 s", "12.3 s": a duration of zero or more seconds, for people.
std::string format_seconds(double seconds);

}  // namespace plimsoll

#pragma GCC visibility pop
