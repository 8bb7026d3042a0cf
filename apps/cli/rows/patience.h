#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace plimsoll::cli {

/// How long a row is waited for: so long in silence, and a tenth of a second in all where its parts dribble in.
class Patience {
 public:
  /// Negative: for ever.
  explicit Patience(int milliseconds) : silence_(milliseconds) {}

  bool is_endless() const { return silence_ < 0; }
  /// How long the next part may be waited for, in milliseconds; nothing once that is over. The clock runs from the first call on.
  std::optional<int> wait() {
    using std::chrono::milliseconds;
    const auto now = std::chrono::steady_clock::now();
    if (!end_) end_ = now + milliseconds(std::max(silence_, kDribble));
    const auto left = std::chrono::ceil<milliseconds>(*end_ - now).count();
    return left > 0 ? std::optional(static_cast<int>(std::min<std::int64_t>(left, silence_))) : std::nullopt;
  }

 private:
  static constexpr int kDribble = 100;
  int silence_;
  std::optional<std::chrono::steady_clock::time_point> end_;
};

}  // namespace plimsoll::cli
