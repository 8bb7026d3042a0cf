#pragma once

#include <termios.h>

#include <string>
#include <string_view>

#include <plimsoll/session.h>

namespace plimsoll::cli {

/// Turns SIGINT, SIGTERM and SIGHUP (unless it was ignored, as by nohup) into a cancelled token; a second one, or `patience` seconds (0:
/// for ever) in which the first ended nothing, as where a disk does not answer, ends the process at once. Ignores SIGPIPE and SIGXFSZ: a
/// reader that left, or a file that may grow no more, is seen by write. One for the process, made in `run_cli`.
class Signals {
 public:
  /// A little less than what containers are given before they are killed.
  static constexpr unsigned kPatience = 9;

  explicit Signals(unsigned patience = kPatience);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  const CancelToken& token() const;
  /// 130, 143 or 129 by the signal that came; 130 when none did.
  int exit_status() const;
  Error error(std::string_view advice = {}) const;

  /// Remembers a file to remove if a second signal ends the process. Gives what `keep` takes; -1 when it cannot be remembered.
  static int remove_on_exit(const std::string& path);
  /// The file is complete, or gone.
  static void keep(int slot);

  /// If the process ends in the middle of something, as by a second signal, standard input's terminal gets these settings again, and
  /// standard output this text (of a literal). One at a time.
  static void restore_on_exit(const termios& settings, std::string_view text);
  /// Does it now, in whatever state the process is.
  static void restore();
  static void nothing_to_restore();
};

}  // namespace plimsoll::cli
