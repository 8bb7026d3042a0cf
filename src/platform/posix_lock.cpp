#include "platform/posix_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "platform/interruption.h"
#include "platform/posix_file.h"

namespace plimsoll {
namespace {

constexpr int kOpenFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

class PosixLock final : public FileLock {
 public:
  PosixLock(Descriptor fd, std::string path, Gate& gate) : fd_(std::move(fd)), path_(std::move(path)), gate_(gate) {}

  Status write(std::string_view text) override {
    Interruption interruption;
    for (std::size_t done = 0; done < text.size();) {
      if (!gate_.admit(Acquisition::write, "FileLock::write")) return write_error(ENOSPC);
      const ssize_t put = ::pwrite(fd_.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
      if (interruption.again(put)) continue;
      if (put < 0) return write_error(errno);
      done += static_cast<std::size_t>(put);
    }
    return ::ftruncate(fd_.get(), static_cast<off_t>(text.size())) == 0 ? Status{} : Status{write_error(errno)};
  }

 private:
  Error write_error(int code) const {
    return Error{ErrorCode::io, "cannot write: " + system_message(code), path_, "check permissions and free space"};
  }

  Descriptor fd_;  // closing it lets go
  std::string path_;
  Gate& gate_;
};

// False when somebody has removed the file, or put another in its place, since it was opened: then it locks nothing for others.
bool is_still_there(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

Error lock_error(int code, const std::string& path) {
  return Error{ErrorCode::io, "cannot lock: " + system_message(code), path, "check permissions and free space"};
}

}  // namespace

Result<std::string> posix_private_folder(const std::optional<std::string>& runtime_folder) {
  const bool given = runtime_folder && runtime_folder->starts_with('/');
  const std::string path = given ? *runtime_folder + "/plimsoll" : "/tmp/plimsoll-" + std::to_string(::geteuid());
  const std::string advice = given ? "set XDG_RUNTIME_DIR to another folder of yours" : "set XDG_RUNTIME_DIR to a folder of yours";
  const int code = ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
  struct stat info {};
  if (code != 0 || ::lstat(path.c_str(), &info) != 0) {
    return Error{ErrorCode::io, "cannot make a private folder: " + system_message(code != 0 ? code : errno), path, advice};
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077U) != 0) {
    return Error{ErrorCode::io, "this is not a folder that only you may enter", path, "remove it, or " + advice};
  }
  return path;
}

Result<std::unique_ptr<FileLock>> posix_lock_file(Gate& gate, const std::string& path, std::chrono::milliseconds patience,
                                                  const CancelToken* cancel) {
  static constexpr std::chrono::milliseconds kLongestPause{16};
  std::chrono::milliseconds waited{0};
  std::chrono::milliseconds pause{1};
  for (;;) {
    if (!gate.admit(Acquisition::open, "Os::lock_file")) return lock_error(EMFILE, path);
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | kOpenFlags, 0600));
    if (fd.get() < 0) return lock_error(errno, path);
    // Asked again and again, for a holder may be stopped and a lock that blocks would wait for it for ever.
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return lock_error(errno, path);
      if (cancel != nullptr && cancel->cancelled()) {
        return Error{ErrorCode::cancelled, "stopped on request while another process held this lock", path, {}};
      }
      if (waited >= patience) {
        return Error{ErrorCode::io, "another process has held this lock for " + std::to_string(patience.count()) + " ms", path,
                     "look for a stopped plimsoll process"};
      }
      std::this_thread::sleep_for(pause);
      waited += pause;
      pause = std::min(2 * pause, kLongestPause);
    }
    if (is_still_there(fd.get(), path)) return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(fd), path, gate));
    if (waited >= patience) return lock_error(ENOENT, path);
    waited += pause;
  }
}

bool posix_is_locked(Gate& gate, const std::string& path) {
  if (!gate.admit(Acquisition::open, "Os::is_locked")) return false;
  const Descriptor fd(::open(path.c_str(), O_RDONLY | kOpenFlags));
  // A shared lock, so that several may ask at once.
  return fd.get() >= 0 && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace plimsoll
