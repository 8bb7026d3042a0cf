#include "platform/posix_open.h"

#include <dirent.h>
#include <sys/stat.h>

#include <cerrno>

namespace plimsoll {
namespace {

ErrorCode open_error(int code) { return code == EMFILE || code == ENFILE || code == EIO ? ErrorCode::io : ErrorCode::not_found; }

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

Error not_regular(const std::string& kind, const std::string& path) {
  return Error{ErrorCode::not_found, "this is " + kind + ", not a file", path, "give a regular file"};
}

}  // namespace

Error cannot_open(int code, const std::string& path) {
  if (code == ENXIO) return not_regular("a socket, or a device that is not there", path);
  if (code == EAGAIN) return Error{ErrorCode::io, "cannot open: another process holds a lease on this file", path, "try again"};
  return Error{open_error(code), "cannot open: " + system_message(code), path, "check the path and its permissions"};
}

Status check_regular(const Descriptor& fd, const std::string& path) {
  if (fd.get() < 0) return cannot_open(errno, path);
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && !S_ISREG(info.st_mode)) return not_regular(kind_of(info.st_mode), path);
  return {};
}

Result<std::unique_ptr<File>> regular_file(Descriptor fd, const std::string& path, Gate& gate) {
  PLIMSOLL_CHECK(check_regular(fd, path));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return Error{ErrorCode::io, "cannot stat: " + system_message(errno), path};
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), static_cast<std::uint64_t>(info.st_size), path, gate));
}

void visit_names(Gate& gate, int at, const std::string& path, const std::function<void(std::string_view name)>& visit) {
  if (!gate.admit(Acquisition::open, "Os::list_directory")) return;
  const int fd = ::openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const auto close = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> directory(fd >= 0 ? ::fdopendir(fd) : nullptr, close);
  if (directory == nullptr) {
    const Descriptor unused(fd);
    return;
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(name);
  }
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

}  // namespace plimsoll
