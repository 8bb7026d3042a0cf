#pragma once

#include <cstring>

namespace plimsoll::cpu {

/// Reads a T from any address.
template <typename T>
[[gnu::always_inline]] inline T load_unaligned(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

}  // namespace plimsoll::cpu
