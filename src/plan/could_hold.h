#pragma once

#include <plimsoll/bytes.h>

namespace plimsoll {

/// False where a device of `total` bytes in all has less, whoever uses it; true where that is not known.
constexpr bool could_hold(Bytes total, Bytes amount) { return total.count == 0 || amount <= total; }

}  // namespace plimsoll
