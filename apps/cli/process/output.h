#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <plimsoll/gate.h>
#include <plimsoll/result.h>
#include <plimsoll/session.h>

#include "process/duty.h"
#include "process/file_growth.h"

namespace plimsoll::cli {

/// Where results go: standard output, or a file that appears under its name only once it is complete. The first failure is
/// kept and everything after it is dropped, so that writers need not check every call. What a pipe has been sent ends with a line, at
/// whatever moment the process ends, but within a line of more than 4 KiB.
class Output {
 public:
  /// `path` empty: standard output; so are /dev/stdout and its like, /dev/stderr, /dev/fd/N: written through, never renamed. A path that
  /// names something other than a regular file (/dev/null, a FIFO) is written as it is. `gate` and `cancel` must outlive the result; a
  /// cancelled token ends a write that waits for a slow reader.
  static Result<Output> open(const std::string& path, Gate& gate, const CancelToken& cancel);
  Output(Output&& other) noexcept;
  Output& operator=(Output&&) = delete;
  ~Output();

  /// Called before anything is sent, as often as that happens: to clear the terminal's line.
  void before_sending(std::function<void()> act) { before_sending_ = std::move(act); }

  /// Of results that go to a file; what may not grow any more is an `io` error.
  FileGrowth& growth() { return growth_; }
  /// Done as long as a reader lets results wait.
  Duty& meanwhile() { return meanwhile_; }

  void write(std::string_view text);
  bool buffered() const { return !buffer_.empty(); }
  bool failed() const { return !failure_.ok(); }
  /// Forgets what was written since the last line end, as far as it is still buffered: of a line of less than 16 KiB, all of it.
  void drop_unfinished_line() { buffer_.resize(buffer_.rfind('\n') + 1); }

  /// Sends what is buffered. Fails with `io`, or `cancelled`.
  Status flush();
  /// Flushes and gives the file its name.
  Status commit();
  /// The reader of a pipe has gone: not an error, but nothing more can be done.
  bool reader_gone() const { return reader_gone_; }
  bool is_terminal() const;
  /// It is a file that has no name yet.
  bool is_pending() const { return !temporary_.empty(); }

 private:
  Output(int fd, Gate& gate, const CancelToken& cancel);
  void attach(int fd);
  void send(std::size_t bytes);
  Status put(std::string_view text);
  Error write_error(int code) const;

  int fd_;
  Gate* gate_;
  const CancelToken* cancel_;
  std::string name_ = "standard output";
  std::string temporary_;  ///< not empty: to be renamed to `target_`
  int removable_ = -1;     ///< of `temporary_`, see Signals
  std::string target_;
  bool owned_ = false;
  bool waits_ = false;  ///< a write may block for long: a pipe, terminal or socket
  bool reader_gone_ = false;
  Status failure_;
  std::string buffer_;
  std::function<void()> before_sending_;
  FileGrowth growth_;
  Duty meanwhile_;
};

}  // namespace plimsoll::cli
