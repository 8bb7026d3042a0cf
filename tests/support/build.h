#pragma once

namespace plimsoll::testing {

/// True in builds with AddressSanitizer or ThreadSanitizer: what a process takes is then not what the program asks for.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace plimsoll::testing
