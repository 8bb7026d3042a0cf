#pragma once

#include <cstddef>

namespace plimsoll::testing {

/// What the program takes from the heap, in all threads, from when this is made: for programs that link heap_watch.cpp, which replaces
/// operator new. The newest one alone knows its peak.
class HeapWatch {
 public:
  HeapWatch();
  std::size_t highest() const;      ///< bytes, above what was live before
  std::size_t left() const;         ///< bytes that are still live
  std::size_t allocations() const;  ///< how often memory was asked for

 private:
  std::size_t live_before_;
  std::size_t allocations_before_;
};

/// While it lives, the heap refuses what the program asks for, in any thread: the `first`-th request from now, counted from 1, and the
/// `length` - 1 that follow. One at a time.
class HeapFault {
 public:
  HeapFault(std::size_t first, std::size_t length);
  HeapFault(const HeapFault&) = delete;
  HeapFault& operator=(const HeapFault&) = delete;
  ~HeapFault() { stop(); }

  /// From now on nothing is refused.
  static void stop();
  /// Requests until then, and how many of them were refused.
  static std::size_t asked_for();
  static std::size_t refused();
};

}  // namespace plimsoll::testing
