#include "output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "descriptors.h"
#include "signals.h"

namespace plimsoll::cli {
namespace {

constexpr std::size_t kBufferBytes = 16U << 10U;
// A write of this size does not block once poll has called a pipe writable (PIPE_BUF).
constexpr std::size_t kPieceBytes = 4096;
constexpr int kPollMilliseconds = 100;

std::string system_message(int code) { return std::system_category().message(code); }

Error open_error(int code, const std::string& path) {
  const bool busy = code == EMFILE || code == ENFILE || code == ENOSPC || code == EIO;
  return Error{busy ? ErrorCode::io : ErrorCode::not_found, "cannot write here: " + system_message(code), path,
               "check the folder and its permissions"};
}

/// The file that a chain of symbolic links ends at, so that renaming replaces the file and not the link.
std::string resolved(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string result = real;
  std::free(real);
  return result;
}

bool is_special(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

}  // namespace

Output::Output(int fd, Gate& gate, const CancelToken& cancel) : fd_(fd), gate_(&gate), cancel_(&cancel) {
  struct stat info {};
  waits_ = ::fstat(fd, &info) == 0 && !S_ISREG(info.st_mode);
}

Result<Output> Output::open(const std::string& path, Gate& gate, const CancelToken& cancel) {
  if (path.empty()) return Output(STDOUT_FILENO, gate, cancel);
  if (const std::optional<int> fd = named_descriptor(path)) return Output(*fd, gate, cancel);
  const bool special = is_special(path);
  struct stat info {};
  if (!special && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return Error{ErrorCode::not_found, "this is a directory, not a file", path, "name a file in it"};
  }
  const std::string target = special ? path : resolved(path);
  const std::string opened = special ? path : target + "." + std::to_string(::getpid()) + ".tmp";
  int fd = -1;
  errno = EMFILE;
  if (gate.admit(Acquisition::open))
    fd = ::open(opened.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | (special ? O_NONBLOCK : O_CREAT | O_EXCL), 0666);
  if (fd < 0) return open_error(errno, path);
  Output output(fd, gate, cancel);
  output.owned_ = true;
  output.name_ = path;
  if (!special) {
    output.temporary_ = opened;
    output.target_ = target;
    output.removable_ = Signals::remove_on_exit(opened);
  }
  return output;
}

Output::Output(Output&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      gate_(other.gate_),
      cancel_(other.cancel_),
      name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})),
      removable_(std::exchange(other.removable_, -1)),
      target_(std::move(other.target_)),
      owned_(std::exchange(other.owned_, false)),
      waits_(other.waits_),
      reader_gone_(other.reader_gone_),
      failure_(std::move(other.failure_)),
      buffer_(std::move(other.buffer_)),
      before_sending_(std::move(other.before_sending_)) {}

Output::~Output() {
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
    Signals::keep(removable_);
  }
  if (owned_) ::close(fd_);
}

Error Output::write_error(int code) const {
  return Error{ErrorCode::io, "cannot write: " + system_message(code), name_,
               code == ENOSPC ? "free some space and run again" : "check where the results go"};
}

Status Output::put(std::string_view text) {
  if (before_sending_) before_sending_();
  while (!text.empty()) {
    if (waits_) {
      pollfd waiting{fd_, POLLOUT, 0};
      const int ready = ::poll(&waiting, 1, kPollMilliseconds);
      if (cancel_->cancelled() && ready <= 0) return Error{ErrorCode::cancelled, "stopped on request", name_, {}};
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    }
    const std::size_t size = waits_ ? std::min(text.size(), kPieceBytes) : text.size();
    errno = ENOSPC;
    const ssize_t put = gate_->admit(Acquisition::write) ? ::write(fd_, text.data(), size) : -1;
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put < 0) {
      reader_gone_ = errno == EPIPE;
      return write_error(errno);
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

void Output::write(std::string_view text) {
  if (!failure_.ok()) return;
  if (buffer_.size() + text.size() > kBufferBytes) (void)flush();
  if (text.size() > kBufferBytes) {
    if (failure_.ok()) failure_ = put(text);
    return;
  }
  if (failure_.ok()) buffer_ += text;
}

Status Output::flush() {
  if (failure_.ok() && !buffer_.empty()) failure_ = put(buffer_);
  buffer_.clear();
  return failure_;
}

Status Output::commit() {
  PLIMSOLL_CHECK(flush());
  if (temporary_.empty()) return {};
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP) return write_error(errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return write_error(errno);
  temporary_.clear();
  Signals::keep(removable_);
  return {};
}

bool Output::is_terminal() const { return ::isatty(fd_) == 1; }

}  // namespace plimsoll::cli
