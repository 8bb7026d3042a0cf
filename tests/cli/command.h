#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/build.h"
#include "support/temporary_folder.h"

namespace plimsoll::test {

inline constexpr std::chrono::seconds kPatience(plimsoll::testing::kSanitized ? 240 : 60);

/// What a command left behind.
struct Finished {
  int status = -1;  ///< exit code, or 1000 + signal
  std::string out;
  std::string err;

  /// The lines of `out` as JSON; throws on anything else, which fails the test.
  std::vector<nlohmann::json> rows() const;
};

/// How to start a command. Its environment is empty but for LANG, PATH, HOME (no folder) and `environment`.
struct Start {
  std::vector<std::string> arguments;
  std::string input;
  std::vector<std::string> environment;
  bool closed_stdout = false;
  std::string stdout_path;  ///< not empty: where standard output goes instead of `out`
  /// Standard error is a terminal of 80 columns, and so is standard output if told: what both print is then in `err`.
  /// With `all` standard input is that terminal too, and the process's own: `write` types, and Ctrl-C is a signal.
  enum class Terminal : std::uint8_t { none, errors, both, all } terminal = Terminal::none;
  unsigned short columns = 80;
  unsigned short rows = 24;
};

/// A running `plimsoll`, or any program that is named by a first argument with a slash. Killed by the destructor.
class Process {
 public:
  explicit Process(const Start& start);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  void write(const std::string& text);
  void close_input();
  /// Of a terminal, while it is in use.
  void resize(unsigned short columns, unsigned short rows) const;
  /// Waits until what a terminal shows fulfils `met`; gives its lines, those of the last look when it never does.
  std::vector<std::string> wait_for_screen(const std::function<bool(const std::vector<std::string>&)>& met);
  /// The terminal's settings: true while lines are edited and echoed by it, as a shell wants it.
  bool is_cooked() const;
  void close_output();
  void signal(int number) const;
  /// Its anonymous memory now; nothing once it has ended.
  std::optional<std::uint64_t> anonymous_bytes() const;
  /// Both of its streams are closed.
  bool ended() const { return out_ < 0 && err_ < 0; }
  /// The next line of standard output, or nothing when none comes in time.
  std::optional<std::string> read_line(std::chrono::milliseconds patience = kPatience);
  /// Collects what is left. A process that does not end within `patience` is killed, and its status is 1009.
  Finished wait(std::chrono::milliseconds patience = kPatience);

 private:
  bool read_some(std::chrono::milliseconds patience);

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string out_text_;
  std::string err_text_;
};

/// Runs to the end.
Finished run(const Start& start);
Finished run(const std::vector<std::string>& arguments);

/// tests/fixtures/<name>
std::string fixture(const std::string& name);

using Folder = plimsoll::testing::TemporaryFolder;

/// The names in a folder.
std::vector<std::string> names_in(const std::string& folder);

std::string read_file(const std::string& path);

/// The last frame that a full-screen view has drawn whole: its lines without colours.
std::vector<std::string> last_frame(const std::string& printed);

/// What a terminal shows of `printed`: its lines, after carriage returns and erasures.
std::vector<std::string> screen(const std::string& printed);

}  // namespace plimsoll::test
