#pragma once

#include <string_view>

#pragma GCC visibility push(default)

namespace plimsoll {

/// The library's version, "0.1.0". docs/versioning.md says what a number promises.
std::string_view version();

}  // namespace plimsoll

#pragma GCC visibility pop
