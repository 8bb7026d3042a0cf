#pragma once

#include <sys/types.h>

#include <cerrno>

namespace plimsoll {

/// Tells of a system call whether it is to be made again because a signal interrupted it. A file system that says so for ever has failed:
/// after so many times in a row EINTR is an error like others.
class Interruption {
 public:
  /// `result`: what the call returned, errno being its own.
  bool again(ssize_t result) {
    if (result < 0 && errno == EINTR) return ++times_ < kMost;
    times_ = 0;
    return false;
  }

 private:
  static constexpr int kMost = 100'000;
  int times_ = 0;
};

}  // namespace plimsoll
