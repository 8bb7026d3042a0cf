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

// Of the links on one way: the system's own limit, and as much text as a path has.
constexpr int kMostLinks = 40;
constexpr std::size_t kMostLinkBytes = PATH_MAX;

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
  Walk(FolderChain folders, std::string path, int flags) : folders_(std::move(folders)), rest_(std::move(path)), flags_(flags) {}

  Descriptor open() {
    while (!rest_.empty()) {
      if (rest_.starts_with('/')) return failed(EXDEV);
      const std::string part = take_part();
      if (rest_.empty() && part != "." && part != "..") {
        Descriptor file(::openat(folder(), part.c_str(), flags_ | O_NOFOLLOW));
        if (file.get() >= 0) return file;
        if (!follow(part, errno)) return {};
      } else if (!enter_part(part)) {
        return {};
      }
    }
    return Descriptor(::openat(folder(), ".", flags_));
  }

  /// The folders on the way to the one that the path names; none, with errno, where it names none.
  FolderChain enter() {
    while (!rest_.empty()) {
      const bool absolute = rest_.starts_with('/');
      if (absolute) errno = EXDEV;
      if (absolute || !enter_part(take_part())) return {};
    }
    return std::move(folders_);
  }

 private:
  int folder() const { return folders_.back()->get(); }

  bool enter_part(const std::string& part) {
    if (part == ".") return true;
    if (part == "..") {
      if (folders_.size() == 1) return errno = EXDEV, false;
      folders_.pop_back();
      return true;
    }
    Descriptor next(::openat(folder(), part.c_str(), kFolderFlags | O_NOFOLLOW));
    if (next.get() < 0) return follow(part, errno);
    folders_.push_back(std::make_shared<const Descriptor>(std::move(next)));
    return true;
  }

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
    if (!target) return errno = code, false;
    link_bytes_ += target->size();
    if (++links_ > kMostLinks || link_bytes_ > kMostLinkBytes) return errno = ELOOP, false;
    rest_ = rest_.empty() ? *target : *target + "/" + rest_;
    return true;
  }

  FolderChain folders_;
  std::string rest_;
  int flags_;
  int links_ = 0;
  std::size_t link_bytes_ = 0;
};

}  // namespace

long call_openat2(int folder, const char* path, const open_how* how, std::size_t size) {
  return ::syscall(SYS_openat2, folder, path, how, size);
}

Descriptor open_beneath(const FolderChain& folders, const std::string& name, int flags, OpenAt2Call openat2_call) {
  open_how how{};
  how.flags = static_cast<__u64>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  Descriptor file(static_cast<int>(openat2_call(folders.back()->get(), name.c_str(), &how, sizeof how)));
  if (file.get() >= 0) return file;
  // No such call, one that a filter forbids, or a folder renamed on the way past ".."; a link, or a way out of the last folder.
  const bool walk = errno == ENOSYS || errno == EPERM || errno == EAGAIN || errno == ELOOP || (errno == EXDEV && folders.size() > 1);
  return walk ? Walk(folders, name, flags).open() : std::move(file);
}

bool enter_beneath(FolderChain& folders, const std::string& name) {
  FolderChain entered = Walk(folders, name, kFolderFlags).enter();
  if (entered.empty()) return false;
  folders = std::move(entered);
  return true;
}

}  // namespace plimsoll
