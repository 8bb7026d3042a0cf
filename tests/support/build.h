#pragma once

// How GCC tells, and how clang does.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLIMSOLL_SANITIZED true
#elif defined(__has_feature)
#define PLIMSOLL_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define PLIMSOLL_SANITIZED false
#endif

namespace plimsoll::testing {

/// True in builds with AddressSanitizer or ThreadSanitizer: what a process takes is then not what the program asks for.
inline constexpr bool kSanitized = PLIMSOLL_SANITIZED;

}  // namespace plimsoll::testing

#undef PLIMSOLL_SANITIZED
