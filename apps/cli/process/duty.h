#pragma once

#include <chrono>
#include <functional>
#include <utility>

namespace plimsoll::cli {

/// What is to be done meanwhile, however long somebody lets this process wait: at most ten times a second, and never within itself.
class Duty {
 public:
  static constexpr std::chrono::milliseconds kPause{100};

  /// While it lives, `act` is the duty. It writes nothing to what it is a duty of.
  class Shift {
   public:
    /// `duty` outlives it, and there is one at a time.
    Shift(Duty& duty, std::function<void()> act) : duty_(duty) { duty_.act_ = std::move(act); }
    Shift(const Shift&) = delete;
    Shift& operator=(const Shift&) = delete;
    ~Shift() { duty_.act_ = nullptr; }

   private:
    Duty& duty_;
  };

  /// Does it, where it is due. Whoever waits calls this several times in `kPause`.
  void attend();

 private:
  std::function<void()> act_;
  std::chrono::steady_clock::time_point next_;
  bool inside_ = false;
};

}  // namespace plimsoll::cli
