#include "platform/posix_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "platform/posix_file.h"

namespace plimsoll {
namespace {

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;  // closing it lets go
};

Error lock_error(int code, const std::string& path) {
  return Error{ErrorCode::io, "cannot lock: " + system_message(code), path, "check permissions and free space"};
}

}  // namespace

Result<std::string> posix_private_folder(const std::optional<std::string>& runtime_folder) {
  const bool given = runtime_folder && runtime_folder->starts_with('/');
  const std::string path = given ? *runtime_folder + "/plimsoll" : "/tmp/plimsoll-" + std::to_string(::geteuid());
  const int code = ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
  struct stat info {};
  if (code != 0 || ::lstat(path.c_str(), &info) != 0) {
    return Error{ErrorCode::io, "cannot make a private folder: " + system_message(code != 0 ? code : errno), path,
                 "set XDG_RUNTIME_DIR to a folder of yours"};
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077U) != 0) {
    return Error{ErrorCode::io, "this is not a folder that only you may enter", path,
                 "remove it, or set XDG_RUNTIME_DIR to a folder of yours"};
  }
  return path;
}

Result<std::unique_ptr<FileLock>> posix_lock_file(Gate& gate, const std::string& path, std::chrono::milliseconds patience) {
  static constexpr std::chrono::milliseconds kLongestPause{16};
  if (!gate.admit(Acquisition::open)) return lock_error(EMFILE, path);
  Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (fd.get() < 0) return lock_error(errno, path);
  std::chrono::milliseconds waited{0};
  // Asked again and again, for a holder may be stopped and a lock that blocks would wait for it for ever.
  for (std::chrono::milliseconds pause{1}; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; pause = std::min(2 * pause, kLongestPause)) {
    if (errno != EWOULDBLOCK && errno != EINTR) return lock_error(errno, path);
    if (waited >= patience) {
      return Error{ErrorCode::io, "another process has held this lock for " + std::to_string(patience.count()) + " ms", path,
                   "look for a stopped plimsoll process"};
    }
    std::this_thread::sleep_for(pause);
    waited += pause;
  }
  return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(fd)));
}

}  // namespace plimsoll
