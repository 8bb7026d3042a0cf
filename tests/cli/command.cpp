#include "command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace plimsoll::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  return {ends[0], ends[1]};
}

/// The two ends of a terminal: what is written to `write` is read from `read`.
Pipe make_terminal() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) throw std::runtime_error("terminal");
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) throw std::runtime_error("terminal");
  return {master, slave};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  result.reserve(words.size() + 1);
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

void close_end(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

/// Appends what is there; false at the end.
bool append(int fd, std::string& text) {
  std::array<char, 4096> block{};
  const ssize_t got = ::read(fd, block.data(), block.size());
  if (got > 0) text.append(block.data(), static_cast<std::size_t>(got));
  return got > 0;
}

}  // namespace

std::vector<nlohmann::json> Finished::rows() const {
  std::vector<nlohmann::json> result;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) result.push_back(nlohmann::json::parse(line));
  return result;
}

Process::Process(const Start& start) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = start.terminal == Start::Terminal::none ? make_pipe() : make_terminal();
  std::vector<std::string> arguments = start.arguments;
  if (arguments.empty() || arguments[0].find('/') != 0 || ::access(arguments[0].c_str(), X_OK) != 0 ||
      std::filesystem::is_directory(arguments[0])) {
    arguments.insert(arguments.begin(), PLIMSOLL_COMMAND);
  }
  std::vector<std::string> environment = {"LANG=C.UTF-8", "HOME=/dev/null", "PATH=/usr/bin:/bin"};
  environment.insert(environment.end(), start.environment.begin(), start.environment.end());
  if (start.terminal == Start::Terminal::all) {
    close_end(in.read);
    close_end(in.write);
    in = {::fcntl(err.write, F_DUPFD_CLOEXEC, 0), ::fcntl(err.read, F_DUPFD_CLOEXEC, 0)};
    const winsize size{start.rows, start.columns, 0, 0};
    ::ioctl(err.write, TIOCSWINSZ, &size);
  }
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(in.read, 0);
    if (start.terminal == Start::Terminal::all) {
      ::setsid();
      ::ioctl(0, TIOCSCTTY, 0);
    }
    if (start.closed_stdout) ::close(1);
    else if (start.terminal >= Start::Terminal::both) ::dup2(err.write, 1);
    else ::dup2(start.stdout_path.empty() ? out.write : ::open(start.stdout_path.c_str(), O_WRONLY | O_CLOEXEC), 1);
    ::dup2(err.write, 2);
    std::signal(SIGPIPE, SIG_DFL);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  close_end(in.read);
  close_end(out.write);
  close_end(err.write);
  in_ = in.write;
  out_ = out.read;
  err_ = err.read;
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_end(in_);
  close_end(out_);
  close_end(err_);
}

void Process::write(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t put = ::write(in_, text.data() + at, text.size() - at);
    if (put <= 0) return;
    at += static_cast<std::size_t>(put);
  }
}

void Process::close_input() { close_end(in_); }
void Process::close_output() { close_end(out_); }
void Process::resize(unsigned short columns, unsigned short rows) const {
  const winsize size{rows, columns, 0, 0};
  ::ioctl(in_, TIOCSWINSZ, &size);
}

bool Process::is_cooked() const {
  termios settings{};
  return ::tcgetattr(in_, &settings) == 0 && (settings.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
}

std::vector<std::string> Process::wait_for_screen(const std::function<bool(const std::vector<std::string>&)>& met) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  for (;;) {
    std::vector<std::string> lines = last_frame(err_text_);
    if (met(lines) || Clock::now() > deadline) return lines;
    if (!read_some(std::chrono::milliseconds(100)) && ended()) return lines;
  }
}

void Process::signal(int number) const { ::kill(pid_, number); }

std::optional<std::uint64_t> Process::anonymous_bytes() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return std::nullopt;
}

/// Waits for either stream and takes what came; false when both have ended or nothing came.
bool Process::read_some(std::chrono::milliseconds patience) {
  std::array<pollfd, 2> ends = {{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  if (out_ < 0 && err_ < 0) return false;
  if (::poll(ends.data(), ends.size(), static_cast<int>(patience.count())) <= 0) return false;
  if (ends[0].revents != 0 && !append(out_, out_text_)) close_end(out_);
  if (ends[1].revents != 0 && !append(err_, err_text_)) close_end(err_);
  return true;
}

std::optional<std::string> Process::read_line(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    if (const std::size_t end = out_text_.find('\n'); end != std::string::npos) {
      std::string line = out_text_.substr(0, end);
      out_text_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0 || !read_some(left)) return std::nullopt;
  }
}

Finished Process::wait(std::chrono::milliseconds patience) {
  close_input();
  const auto deadline = Clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) ::kill(pid_, SIGKILL);
    else if (read_some(left)) continue;
    if (left.count() <= 0 || (out_ < 0 && err_ < 0)) break;
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return {code, std::move(out_text_), std::move(err_text_)};
}

Finished run(const Start& start) {
  Process process(start);
  process.write(start.input);
  return process.wait();
}

Finished run(const std::vector<std::string>& arguments) { return run(Start{arguments, {}, {}, false, {}}); }

std::string fixture(const std::string& name) { return std::string(PLIMSOLL_SOURCE_DIR) + "/tests/fixtures/" + name; }

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) found.push_back(entry.path().filename().string());
  return found;
}

std::vector<std::string> last_frame(const std::string& printed) {
  const std::size_t end = printed.rfind("\x1b[?2026l");
  const std::size_t begin = end == std::string::npos ? end : printed.rfind("\x1b[H", end);
  if (begin == std::string::npos) return {};
  std::vector<std::string> lines(1);
  for (std::size_t at = begin + 3; at < end; ++at) {
    if (printed[at] == '\x1b') {
      while (at < end && std::isalpha(static_cast<unsigned char>(printed[at])) == 0) ++at;
    } else if (printed[at] == '\n') {
      lines.emplace_back();
    } else if (printed[at] != '\r') {
      lines.back() += printed[at];
    }
  }
  return lines;
}

std::vector<std::string> screen(const std::string& printed) {
  static constexpr std::string_view kErase = "\x1b[K";
  std::vector<std::string> lines(1);
  std::size_t column = 0;
  for (std::size_t at = 0; at < printed.size(); ++at) {
    std::string& line = lines.back();
    if (printed[at] == '\n') {
      lines.emplace_back();
      column = 0;
    } else if (printed[at] == '\r') {
      column = 0;
    } else if (printed.compare(at, kErase.size(), kErase) == 0) {
      line.resize(column);
      at += kErase.size() - 1;
    } else {
      line.resize(std::max(line.size(), column + 1));
      line[column++] = printed[at];
    }
  }
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace plimsoll::test
