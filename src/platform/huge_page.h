#pragma once

#include <plimsoll/bytes.h>

namespace plimsoll {

/// The page that the system gives where memory is to consist of huge ones and some are free.
inline constexpr Bytes kHugePage = mib(2);

}  // namespace plimsoll
