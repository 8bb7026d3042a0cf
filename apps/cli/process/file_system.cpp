#include "process/file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace plimsoll::cli {
namespace {

bool is_memory(const struct statfs& system) { return system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC; }

/// The option "upperdir=" of the mount of that number; empty where there is none. Format: proc(5), mountinfo.
std::string upper_layer(std::uint64_t mount) {
  static constexpr std::string_view kOption = "upperdir=";
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::uint64_t number = 0;
    std::from_chars(line.data(), line.data() + line.size(), number);
    const std::size_t at = line.find(kOption, line.find(" - "));
    if (number != mount || at == std::string::npos) continue;
    const std::size_t begin = at + kOption.size();
    return line.substr(begin, line.find_first_of(", ", begin) - begin);
  }
  return {};
}

}  // namespace

std::string resolved_path(const std::string& path) {
  static constexpr int kMostLinks = 40;  // as many as the system follows
  if (char* real = ::realpath(path.c_str(), nullptr)) {
    std::string result = real;
    std::free(real);
    return result;
  }
  // What is there and has no path is one of /proc's own links.
  if (struct stat info{}; ::stat(path.c_str(), &info) == 0) return path;
  std::filesystem::path at = path;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    const std::filesystem::path target = std::filesystem::read_symlink(at, error);
    if (error) return at.string();
    at = at.parent_path() / target;
  }
  return path;
}

bool lives_in_memory(int fd) {
  struct stat info {};
  struct statfs system {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || ::fstatfs(fd, &system) != 0) return false;
  if (system.f_type != OVERLAYFS_SUPER_MAGIC) return is_memory(system);
  struct statx place {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &place) != 0 || (place.stx_mask & STATX_MNT_ID) == 0) return false;
  const std::string upper = upper_layer(place.stx_mnt_id);
  return !upper.empty() && ::statfs(upper.c_str(), &system) == 0 && is_memory(system);
}

}  // namespace plimsoll::cli
