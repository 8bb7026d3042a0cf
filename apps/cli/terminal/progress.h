#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/os.h>
#include <plimsoll/session.h>

#include "terminal/console.h"
#include "terminal/terminal.h"

namespace plimsoll::cli {

/// Says when a progress line may be drawn: not in the first 0.2 s, and then at most ten times a second.
class Pulse {
 public:
  explicit Pulse(Os& os);
  /// True when it is time; the next time is then a tenth of a second away.
  bool due();

 private:
  Os& os_;
  std::chrono::nanoseconds next_;
};

/// The bar while weights are loaded: bytes loaded of planned, memory now and at its peak.
class LoadBar {
 public:
  LoadBar(Console& console, Os& os);
  void show(const Progress& progress);
  void done() { console_.progress({}); }

 private:
  Console& console_;
  Terminal terminal_;
  Pulse pulse_;
  Bytes peak_;
};

/// The line while rows are counted and answered, or tokenized: rows done, of how many where that is known, and tokens a second.
class RowBar {
 public:
  struct Rows {
    std::optional<std::int64_t> total;  ///< nothing: a stream
    std::string_view verb = "answering";
    bool typed = false;  ///< by somebody at the terminal that the line would be drawn on: it is left alone
  };

  RowBar(Console& console, Os& os, Rows rows);

  /// During the first reading.
  void counted(std::int64_t rows);
  /// Between passes.
  void answered(std::int64_t rows, double tokens_per_second);
  /// Inside a pass, at the end of `layer`; it is named once a pass has lasted two seconds.
  void passed(std::string_view layer);
  void done() { console_.progress({}); }

 private:
  bool due() { return shown_ && pulse_.due(); }
  void draw(std::string_view layer);

  Console& console_;
  Os& os_;
  Terminal terminal_;
  Pulse pulse_;
  std::optional<std::int64_t> total_;
  std::string_view verb_;
  bool shown_;
  std::int64_t rows_ = 0;
  double tokens_per_second_ = 0;
  std::chrono::nanoseconds last_answer_;
};

}  // namespace plimsoll::cli
