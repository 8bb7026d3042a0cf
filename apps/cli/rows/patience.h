#pragma once

#include <algorithm>
#include <chrono>

namespace plimsoll::cli {

/// How long is waited for a row, whatever parts of it come meanwhile.
class Patience {
 public:
  /// Negative: for ever.
  explicit Patience(int milliseconds)
      : endless_(milliseconds < 0), end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds)) {}

  /// What is left, for poll(2).
  int milliseconds() const {
    if (endless_) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
  }
  bool is_over() const { return milliseconds() == 0; }

 private:
  bool endless_;
  std::chrono::steady_clock::time_point end_;
};

}  // namespace plimsoll::cli
