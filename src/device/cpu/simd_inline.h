#pragma once

#include <cstring>

/// Kernels are small functions that must melt into one loop, also where the compiler would rather call them.
#define PLIMSOLL_INLINE __attribute__((always_inline)) inline

namespace plimsoll::cpu {

/// Reads a T from any address.
template <typename T>
PLIMSOLL_INLINE T load_unaligned(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

}  // namespace plimsoll::cpu
