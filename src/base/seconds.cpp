#include <plimsoll/seconds.h>

#include "base/decimal.h"

namespace plimsoll {

std::string format_seconds(double seconds) {
  if (seconds >= 10) return decimal(seconds, 1) + " s";
  if (seconds >= 0.1) return decimal(seconds, 2) + " s";
  if (seconds >= 1e-4) return decimal(seconds * 1e3, 2) + " ms";
  return decimal(seconds * 1e6, 1) + " us";
}

}  // namespace plimsoll
