#include "process/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "process/descriptors.h"
#include "process/file_system.h"
#include "process/signals.h"

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

/// How much of `text` to send at once: whole lines where one fits, so that an end at any moment cuts none.
std::size_t piece_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  const std::size_t end = text.rfind('\n', most - 1);
  return end == std::string_view::npos ? most : end + 1;
}

int open_existing(const std::string& path) { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); }

/// What a rename cannot put another file in the place of, though its folder can be written to: known before anything is computed.
Status check_replaceable(const std::string& target, const struct stat& replaced) {
  const auto refusal = [&](const std::string& why, const std::string& advice) {
    return Error{ErrorCode::io, "cannot write here: " + why, target, advice};
  };
  struct statx info {};
  if (::statx(AT_FDCWD, target.c_str(), 0, STATX_MODE, &info) == 0) {
    if ((info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
      return refusal("the file is mounted by itself, so that no other can take its place",
                     "mount its folder instead, or send standard output to it");
    if ((info.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0)
      return refusal("the file may not be replaced (lsattr)", "name another file, or take the attribute away (chattr)");
  }
  struct stat folder {};
  const std::size_t slash = target.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : target.substr(0, slash + 1);
  const uid_t self = ::geteuid();
  if (self != 0 && ::stat(parent.c_str(), &folder) == 0 && (folder.st_mode & S_ISVTX) != 0 && folder.st_uid != self &&
      replaced.st_uid != self)
    return refusal("the file is another user's, in a folder where only its owner may replace it", "name another file");
  return {};
}

/// Makes a new file beside `target` and gives its name. One that was left by a killed process of this number (in a container it may always
/// be the same) is passed over.
int open_temporary(const std::string& target, mode_t mode, std::string& name) {
  static constexpr int kMostLeft = 1000;
  static constexpr std::size_t kLongestEnd = 24;
  const std::size_t file_name = target.rfind('/') + 1;  // 0 where there is no slash
  const std::string begin = target.substr(0, file_name + std::min(target.size() - file_name, NAME_MAX - kLongestEnd));
  int fd = -1;
  for (int left = 0; fd < 0 && left < kMostLeft; ++left) {
    name = begin + "." + std::to_string(::getpid()) + (left == 0 ? "" : "-" + std::to_string(left)) + ".tmp";
    fd = ::open(name.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_CREAT | O_EXCL, mode);
    if (fd < 0 && errno != EEXIST) break;
  }
  return fd;
}

/// Who could not read what was there cannot read what takes its place: owner, group, permissions and access list of the file that is
/// replaced, as far as the system lets us; what it does not is given to nobody.
void take_permissions(int fd, const std::string& target, const struct stat& replaced) {
  static constexpr const char* kAccessList = "system.posix_acl_access";
  mode_t mode = replaced.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
  if (::fchown(fd, replaced.st_uid, replaced.st_gid) != 0 && ::fchown(fd, static_cast<uid_t>(-1), replaced.st_gid) != 0)
    mode &= ~mode_t{S_IRWXG};
  std::array<char, 4096> list{};
  const ssize_t size = ::getxattr(target.c_str(), kAccessList, list.data(), list.size());
  const bool has_list = size > 0 || errno == ERANGE;
  // With a list the group's bits are those that all its entries have at most.
  if (has_list) mode &= ~mode_t{S_IRWXG};
  else ::fremovexattr(fd, kAccessList);
  ::fchmod(fd, mode);
  if (size > 0) ::fsetxattr(fd, kAccessList, list.data(), static_cast<std::size_t>(size), 0);
}

bool is_special(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

}  // namespace

Output::Output(int fd, Gate& gate, const CancelToken& cancel) : gate_(&gate), cancel_(&cancel) { attach(fd); }

void Output::attach(int fd) {
  fd_ = fd;
  struct stat info {};
  // Somebody has to read these. Of other devices some are never called ready, such as /dev/random, and take what is written all the same.
  waits_ = ::fstat(fd, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || ::isatty(fd) == 1);
}

Result<Output> Output::open(const std::string& path, Gate& gate, const CancelToken& cancel) {
  if (path.empty() || path == "-") return Output(STDOUT_FILENO, gate, cancel);
  if (const std::optional<int> fd = named_descriptor(path)) {
    if (*fd < 0) return open_error(EBADF, path);
    return Output(*fd, gate, cancel);
  }
  const bool special = is_special(path);
  struct stat info {};
  const bool exists = !special && ::stat(path.c_str(), &info) == 0;
  // What the system does not follow, as another user's link in /tmp, is not followed here either.
  if (!special && !exists && errno != ENOENT) return open_error(errno, path);
  if (exists && S_ISDIR(info.st_mode)) {
    return Error{ErrorCode::not_found, "this is a directory, not a file", path, "name a file in it"};
  }
  // Whatever needs the heap comes before the file: it is then removed in any case.
  Output output(-1, gate, cancel);
  output.name_ = path;
  std::string target = special ? path : resolved_path(path);
  if (exists) PLIMSOLL_CHECK(check_replaceable(target, info));
  if (!special && target.size() - (target.rfind('/') + 1) > NAME_MAX) return open_error(ENAMETOOLONG, path);
  std::string opened = path;
  int fd = -1;
  errno = EMFILE;
  if (gate.admit(Acquisition::open, "Output::open"))
    fd = special ? open_existing(path) : open_temporary(target, exists ? S_IRUSR | S_IWUSR : 0666, opened);
  if (fd < 0) return open_error(errno, path);
  output.attach(fd);
  output.owned_ = true;
  if (exists) take_permissions(fd, target, info);
  if (!special) {
    output.removable_ = Signals::remove_on_exit(opened);
    output.temporary_ = std::move(opened);
    output.target_ = std::move(target);
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
      before_sending_(std::move(other.before_sending_)),
      growth_(std::move(other.growth_)),
      meanwhile_(std::move(other.meanwhile_)) {}

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
      meanwhile_.attend();
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    }
    const std::size_t size = growth_.piece(waits_ ? piece_of(text, kPieceBytes) : text.size());
    if (size == 0) {
      return Error{ErrorCode::io, "cannot write: the file lies in memory (tmpfs), and there is no more of it than the process itself needs",
                   name_, "name a file on a disk"};
    }
    errno = ENOSPC;
    const ssize_t put = gate_->admit(Acquisition::write, "Output::put") ? ::write(fd_, text.data(), size) : -1;
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) {
      waits_ = waits_ || errno == EAGAIN;
      continue;
    }
    if (put < 0) {
      reader_gone_ = errno == EPIPE;
      return write_error(errno);
    }
    text.remove_prefix(static_cast<std::size_t>(put));
    growth_.written(fd_);
  }
  return {};
}

void Output::write(std::string_view text) {
  // Whole lines first: the rest of one may never come.
  if (buffer_.size() + text.size() > kBufferBytes) send(buffer_.rfind('\n') + 1);
  if (buffer_.size() + text.size() > kBufferBytes) send(buffer_.size());
  if (!failure_.ok()) return;
  if (text.size() > kBufferBytes) failure_ = put(text);
  else buffer_ += text;
}

void Output::send(std::size_t bytes) {
  if (failure_.ok() && bytes > 0) failure_ = put(std::string_view(buffer_).substr(0, bytes));
  buffer_.erase(0, bytes);
}

Status Output::flush() {
  send(buffer_.size());
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
