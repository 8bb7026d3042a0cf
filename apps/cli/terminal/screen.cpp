#include "terminal/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "process/signals.h"
#include "terminal/keys.h"

namespace plimsoll::cli {
namespace {

constexpr std::string_view kTake = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kGiveBack = "\x1b[?25h\x1b[?1049l";
constexpr int kSuspend = 0x1a;  // Ctrl-Z
constexpr int kRestOfKey = 30;  // milliseconds for the rest of an escape sequence
constexpr std::size_t kLeastColumns = 20;

winsize size_now() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {24, 80, 0, 0};
  return size;
}

}  // namespace

Result<Screen> Screen::open(const CancelToken& stop) {
  const char* kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb";
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return Error{ErrorCode::usage, "there is no terminal to draw on", "plimsoll top", "add --once, or --json with --watch SECONDS"};
  if (dumb) return Error{ErrorCode::usage, "this terminal has no cursor that can be moved (TERM)", "plimsoll top", "add --once"};
  Screen screen(stop);
  if (::tcgetattr(STDIN_FILENO, &screen.before_) != 0)
    return Error{ErrorCode::usage, "this terminal does not tell how it is set", "plimsoll top", "add --once"};
  screen.take();
  return screen;
}

Screen::Screen(Screen&& other) noexcept
    : stop_(other.stop_),
      taken_(std::exchange(other.taken_, false)),
      gone_(other.gone_),
      before_(other.before_),
      sent_(std::move(other.sent_)) {}

Screen::~Screen() { give_back(); }

void Screen::take() {
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON);
  // Ctrl-C stays a signal; Ctrl-Z becomes a key, for the terminal is given back first. Ctrl-\ would leave it as it is.
  raw.c_cc[VSUSP] = raw.c_cc[VQUIT] = _POSIX_VDISABLE;
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  Signals::restore_on_exit(before_, kGiveBack);
  taken_ = true;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  shown_.clear();
  put(kTake);
}

void Screen::give_back() {
  if (!taken_) return;
  taken_ = false;
  put(kGiveBack);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  Signals::nothing_to_restore();
}

void Screen::suspend() {
  give_back();
  ::raise(SIGSTOP);
  // Whoever let the process go on may have set the terminal in another way meanwhile.
  static_cast<void>(::tcgetattr(STDIN_FILENO, &before_));
  take();
}

Terminal Screen::terminal() const {
  Terminal terminal = describe_terminal(STDOUT_FILENO);
  terminal.columns = std::max<std::size_t>(size_now().ws_col, kLeastColumns);
  return terminal;
}

std::size_t Screen::rows() const { return std::max<std::size_t>(size_now().ws_row, 4); }

bool Screen::put(std::string_view text) {
  while (!text.empty()) {
    static constexpr int kPatience = 100;
    pollfd end{STDOUT_FILENO, POLLOUT, 0};
    const int ready = ::poll(&end, 1, kPatience);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
      // A terminal that takes nothing, as after Ctrl-S, keeps nobody from stopping.
      if (stop_->cancelled()) return false;
      continue;
    }
    const ssize_t done = ::write(STDOUT_FILENO, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      gone_ = true;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

bool Screen::draw(const std::vector<std::string>& lines) {
  // Between these two a terminal that knows them shows nothing, and others ignore them. A line is erased before it is written: behind its
  // last column the cursor stands on that column.
  std::string text = "\x1b[?2026h\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i > 0 ? "\r\n\x1b[K" : "\x1b[K") + lines[i];
  if (lines.size() < rows()) text += "\r\n\x1b[J";
  text += "\x1b[?2026l";
  if (text == shown_) return true;
  shown_ = text;
  return put(text);
}

std::optional<int> Screen::wait_key(int milliseconds) {
  const winsize before = size_now();
  static constexpr int kSlice = 50;
  for (int waited = 0;; waited += kSlice) {
    auto key = take_key(sent_, false);
    if (key && *key == kSuspend) {
      suspend();
      return std::nullopt;
    }
    if (key) return key;
    const winsize now = size_now();
    const bool resized = now.ws_col != before.ws_col || now.ws_row != before.ws_row;
    if (stop_->cancelled() || resized || (waited > milliseconds && sent_.empty())) return std::nullopt;
    pollfd end{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&end, 1, sent_.empty() ? kSlice : kRestOfKey);
    if (ready == 0 && !sent_.empty()) return take_key(sent_, true);
    if (ready <= 0) continue;
    std::array<char, 256> block{};
    const ssize_t got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
      gone_ = true;
      return std::nullopt;
    }
    if (got > 0) sent_.append(block.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace plimsoll::cli
