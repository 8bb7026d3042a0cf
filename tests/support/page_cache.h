#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace plimsoll::testing {

/// Pages of a file that are in the page cache. The caller owns the file: of others the system tells nothing.
inline std::size_t cached_pages(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0 || info.st_size == 0) throw std::runtime_error("cannot open " + path);
  const auto size = static_cast<std::size_t>(info.st_size);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path);
  std::vector<unsigned char> pages((size + page - 1) / page);
  ::mincore(mapped, size, pages.data());
  ::munmap(mapped, size);
  return static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char flags) { return (flags & 1U) != 0; }));
}

/// Writes a file out and takes it from the page cache. False where the file system keeps it there (tmpfs).
inline bool drop_from_cache(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::runtime_error("cannot open " + path);
  ::fsync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
  return cached_pages(path) == 0;
}

/// True where the file system can read past the page cache.
inline bool reads_direct(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

}  // namespace plimsoll::testing
