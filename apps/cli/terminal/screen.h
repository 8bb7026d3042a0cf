#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <vector>

#include <plimsoll/cancel.h>
#include <plimsoll/result.h>

#include "terminal/terminal.h"

namespace plimsoll::cli {

/// The whole terminal of standard input and output, for a view that is drawn over itself: keys arrive one by one, what was on the terminal
/// comes back when this goes, also after Ctrl-C; Ctrl-Z stops the process with the terminal as it was, and goes on with it taken again.
class Screen {
 public:
  /// `usage` where it cannot be had: no terminal, or one without a cursor that can be moved. The token outlives it.
  static Result<Screen> open(const CancelToken& stop);
  Screen(Screen&& other) noexcept;
  Screen& operator=(Screen&&) = delete;
  ~Screen();

  /// As it is now: it may have been resized.
  Terminal terminal() const;
  std::size_t rows() const;

  /// Replaces everything that is shown. False once nobody is there to see it.
  bool draw(const std::vector<std::string>& lines);
  /// The next key, or nothing after `milliseconds`, when the size changed, or when stopping.
  std::optional<int> wait_key(int milliseconds);
  bool gone() const { return gone_; }

 private:
  explicit Screen(const CancelToken& stop) : stop_(&stop) {}
  void take();
  void give_back();
  void suspend();
  bool put(std::string_view text);

  const CancelToken* stop_;
  bool taken_ = false;
  bool gone_ = false;
  termios before_{};
  std::string sent_;   ///< by the terminal, not taken yet
  std::string shown_;  ///< last
};

}  // namespace plimsoll::cli
