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

}  // namespace plimsoll::testing
