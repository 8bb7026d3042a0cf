#pragma once

#include <string>
#include <string_view>

#include <plimsoll/error.h>
#include <plimsoll/session.h>

#include "process/duty.h"
#include "process/file_growth.h"

namespace plimsoll::cli {

/// Standard error: errors, notes and one line of progress. Writes at once and ignores failures: there is nowhere to report them.
class Console {
 public:
  struct Style {
    bool json = false;   ///< errors as objects
    bool quiet = false;  ///< errors only
    bool verbose = false;
    bool progress = false;  ///< a line that is drawn over itself
  };

  /// `stop`, if given, outlives the console; once it is cancelled nothing waits for a reader that does not read.
  explicit Console(Style style, const CancelToken* stop = nullptr) : style_(style), stop_(stop) {}
  ~Console() { clear_progress(); }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void error(const Error& error);
  /// That of std::bad_alloc, told without any memory.
  void heap_exhausted();
  /// "plimsoll: <text>", unless quiet.
  void note(std::string_view text);
  /// The same, also when quiet: a row that could not be used.
  void complain(std::string_view text);
  /// A note for -v.
  void detail(std::string_view text);
  /// Replaces the progress line; empty removes it. No line waits for a reader: where there is none, it is not drawn.
  void progress(std::string_view line);
  bool shows_progress() const { return style_.progress; }

  /// Whether a note of less than 4 KiB can be written at once: nobody is waited for, also not by another note.
  bool is_ready() const;
  /// Of a standard error that is a file; a message that it may not grow by is dropped.
  FileGrowth& growth() { return growth_; }
  /// Done as long as a reader lets a message wait.
  Duty& meanwhile() { return meanwhile_; }

 private:
  void clear_progress() { progress({}); }
  void put(std::string_view text);

  Style style_;
  const CancelToken* stop_;
  FileGrowth growth_;
  Duty meanwhile_;
  bool putting_ = false;
  bool given_up_ = false;  ///< nobody reads standard error, and a signal has asked to stop
  bool drawn_ = false;
};

/// The line for people: "plimsoll: error: <what> (<where>): <what to do>".
std::string error_line(const Error& error);

/// The object for programs (DESIGN.md section 6), null where nothing is known.
std::string error_json(const Error& error);

}  // namespace plimsoll::cli
