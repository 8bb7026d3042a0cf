#include "process/file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "text/status_field.h"

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

/// What this process has mapped of memory that is shared; files on tmpfs are.
std::optional<Bytes> shared_memory() {
  std::ifstream file("/proc/self/smaps_rollup");
  return status_field(std::string{std::istreambuf_iterator<char>(file), {}}, "Pss_Shmem");
}

/// Whether a file's first page is shared memory where it is mapped.
bool begins_in_shared_memory(int fd) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const int reader = ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  void* const mapped = reader < 0 ? MAP_FAILED : ::mmap(nullptr, page, PROT_READ, MAP_SHARED, reader, 0);
  if (reader >= 0) ::close(reader);
  if (mapped == MAP_FAILED) return false;
  const auto before = shared_memory();
  // Unlike a load, this only fails where the file has been cut.
  const bool there = ::madvise(mapped, page, MADV_POPULATE_READ) == 0;
  const auto after = shared_memory();
  ::munmap(mapped, page);
  return there && before && after && *after > *before;
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
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (::fstatfs(fd, &system) != 0) return true;
  if (system.f_type != OVERLAYFS_SUPER_MAGIC) return is_memory(system);
  struct statx place {};
  const bool numbered = ::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &place) == 0 && (place.stx_mask & STATX_MNT_ID) != 0;
  const std::string upper = numbered ? upper_layer(place.stx_mnt_id) : std::string();
  struct statfs below {};
  if (!upper.empty() && ::statfs(upper.c_str(), &below) == 0 && is_memory(below)) return true;
  // A container does not see what is below its own root, and may have another folder by that name.
  return begins_in_shared_memory(fd);
}

}  // namespace plimsoll::cli
