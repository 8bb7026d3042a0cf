#include "platform/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "platform/interruption.h"

namespace plimsoll {
namespace {

bool is_same_file(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// cachestat(2), which the C library's headers may be too old to know.
constexpr long kCachestat = 451;
struct CachestatRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};
struct Cachestat {
  std::uint64_t cached = 0;  // pages
  std::uint64_t dirty = 0;
  std::uint64_t writeback = 0;
  std::uint64_t evicted = 0;
  std::uint64_t recently_evicted = 0;
};

}  // namespace

std::string system_message(int code) { return std::system_category().message(code); }

Status PosixFile::read(std::span<std::byte> out, std::uint64_t offset) {
  if (!gate_.admit(Acquisition::read, "File::read")) return read_error(EIO, offset);
  return read_buffered(out, offset);
}

Status PosixFile::read_buffered(std::span<std::byte> out, std::uint64_t offset) {
  Interruption interruption;
  while (!out.empty()) {
    const ssize_t got = read_call_(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (interruption.again(got)) continue;
    if (got < 0) return read_error(errno, offset);
    if (got == 0) return ends_early(offset);
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

void PosixFile::open_direct() {
  if (direct_ >= 0) return;
  // A look into the page cache reads the page that it misses; without this advice it would bring neighbours along.
  ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_RANDOM);
  if (!gate_.admit(Acquisition::open, "File::open_direct")) return;
  // Links are followed, as the Hub's cache is made of them: that it is the same file shows only afterwards.
  Descriptor again(::open(path_.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (again.get() < 0 || !is_same_file(again.get(), fd_.get())) return;
  // Another thread may have been faster, and be reading by now.
  int none = -1;
  if (direct_.compare_exchange_strong(none, again.get())) static_cast<void>(again.release());
}

Status PosixFile::read_direct(std::span<std::byte> out, std::uint64_t offset) {
  if (!gate_.admit(Acquisition::read, "File::read_direct")) return read_error(EIO, offset);
  const std::size_t wanted = without_tail(out, offset).size();
  if (wanted > size_ - std::min(offset, size_)) return ends_early(size_);
  std::size_t done = 0;
  const int direct = direct_;
  Interruption interruption;
  while (done < wanted && direct >= 0 && !direct_refused_.load(std::memory_order_relaxed)) {
    const ssize_t got = read_call_(direct, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (interruption.again(got)) continue;
    if (got < 0 && errno == EINVAL) direct_refused_.store(true, std::memory_order_relaxed);
    else if (got < 0) return read_error(errno, offset + done);
    else done += static_cast<std::size_t>(got);
    // Direct reads cannot go on in the middle of a block, and nothing at all may be the end of the file: a buffered read tells.
    if (got <= 0 || static_cast<std::size_t>(got) % kDirectBlock != 0) break;
  }
  if (done >= wanted) return {};
  Status status = read_buffered(out.subspan(done, wanted - done), offset + done);
  drop_cached(offset + done, wanted - done);
  return status;
}

std::size_t PosixFile::read_cached(std::span<std::byte> out, std::uint64_t offset) {
  if (offset >= size_) return 0;
  std::size_t done = 0;
  Interruption interruption;
  while (done < out.size()) {
    const iovec rest{out.data() + done, out.size() - done};
    const ssize_t got = ::preadv2(fd_.get(), &rest, 1, static_cast<off_t>(offset + done), RWF_NOWAIT);
    if (interruption.again(got)) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::optional<bool> PosixFile::all_cached(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return true;
  if (untold_.load(std::memory_order_relaxed)) return std::nullopt;
  CachestatRange range{offset, bytes};
  Cachestat found;
  if (::syscall(kCachestat, fd_.get(), &range, &found, 0) != 0) {
    untold_.store(true, std::memory_order_relaxed);
    return std::nullopt;
  }
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return found.cached > (offset + bytes - 1) / page - offset / page;
}

void PosixFile::will_read(std::uint64_t offset, std::uint64_t bytes) {
  ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
}

void PosixFile::drop_cached(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return;  // to the system, zero is all up to the end
  const std::uint64_t begin = offset / kDirectBlock * kDirectBlock;
  const std::uint64_t end = (offset + bytes + kDirectBlock - 1) / kDirectBlock * kDirectBlock;
  ::posix_fadvise(fd_.get(), static_cast<off_t>(begin), static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED);
}

Error PosixFile::read_error(int code, std::uint64_t offset) const {
  return Error{ErrorCode::io, "cannot read: " + system_message(code), path_ + " at byte " + std::to_string(offset),
               "check the disk and try again"};
}

Error PosixFile::ends_early(std::uint64_t offset) const {
  return Error{ErrorCode::corrupt_file, "the file ends early", path_ + " at byte " + std::to_string(offset),
               "it was " + std::to_string(size_) + " bytes long when it was opened; was it truncated or replaced?"};
}

}  // namespace plimsoll
