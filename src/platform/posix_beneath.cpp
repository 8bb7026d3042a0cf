#include "platform/posix_beneath.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>
#include <vector>

namespace plimsoll {
namespace {

constexpr int kMostLinks = 40;  // the system's own limit

Descriptor failed(int code) {
  errno = code;
  return {};
}

/// What a link holds; nothing, with errno, when `name` in `folder` is none.
std::optional<std::string> read_link(int folder, const std::string& name) {
  std::array<char, PATH_MAX> text{};
  const ssize_t length = ::readlinkat(folder, name.c_str(), text.data(), text.size());
  if (length < 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(length));
}

/// Goes through a path part by part. The folders on the way stay open, so that ".." is the one that was come from, whatever is renamed.
class Walk {
 public:
  Walk(int root, std::string path, int flags) : root_(root), rest_(std::move(path)), flags_(flags) {}

  Descriptor open() {
    while (!rest_.empty()) {
      if (rest_.starts_with('/')) return failed(EXDEV);
      const std::string part = take_part();
      if (part == ".") continue;
      if (part == "..") {
        if (folders_.empty()) return failed(EXDEV);
        folders_.pop_back();
        continue;
      }
      const bool last = rest_.empty();
      Descriptor next(::openat(folder(), part.c_str(), (last ? flags_ : O_PATH | O_DIRECTORY | O_CLOEXEC) | O_NOFOLLOW));
      if (next.get() < 0 && !follow(part, errno)) return {};
      if (next.get() < 0) continue;
      if (last) return next;
      folders_.push_back(std::move(next));
    }
    return Descriptor(::openat(folder(), ".", flags_));
  }

 private:
  int folder() const { return folders_.empty() ? root_ : folders_.back().get(); }

  // What ends in a slash must be a folder, as if "." came behind it.
  std::string take_part() {
    const std::size_t slash = rest_.find('/');
    std::string part = rest_.substr(0, slash);
    if (slash == std::string::npos) return rest_.clear(), part;
    rest_.erase(0, rest_.find_first_not_of('/', slash));
    if (rest_.empty()) rest_ = ".";
    return part;
  }

  /// Puts what a link holds in its place. False with `code` in errno when `part` is none.
  bool follow(const std::string& part, int code) {
    const auto target = code == ELOOP || code == ENOTDIR ? read_link(folder(), part) : std::nullopt;
    if (!target || ++links_ > kMostLinks) {
      errno = target ? ELOOP : code;
      return false;
    }
    rest_ = rest_.empty() ? *target : *target + "/" + rest_;
    return true;
  }

  int root_;
  std::string rest_;
  int flags_;
  int links_ = 0;
  std::vector<Descriptor> folders_;
};

}  // namespace

long call_openat2(int folder, const char* path, const open_how* how, std::size_t size) {
  return ::syscall(SYS_openat2, folder, path, how, size);
}

Descriptor open_beneath(int root, const std::string& name, int flags, OpenAt2Call openat2_call) {
  open_how how{};
  how.flags = static_cast<__u64>(flags);
  how.resolve = RESOLVE_BENEATH;
  Descriptor file(static_cast<int>(openat2_call(root, name.c_str(), &how, sizeof how)));
  // No such call, one that a filter forbids, or a folder renamed on the way past "..".
  const bool walk = file.get() < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN);
  return walk ? Walk(root, name, flags).open() : std::move(file);
}

}  // namespace plimsoll
