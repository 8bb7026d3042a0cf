// Loaded before the C library by tests (LD_PRELOAD): makes what the system gives to a program fail, or come in pieces.
//
// PLIMSOLL_FAULT="WHAT[:FIRST[:LENGTH]]": the FIRST-th call (1) and the LENGTH - 1 (for ever) that follow. WHAT is
//   new     operator new: std::bad_alloc               open    open: EMFILE
//   memory  mmap, mremap, madvise: ENOMEM              thread  pthread_create: EAGAIN
//   eio     read, pread, preadv2: EIO                  write   write: ENOSPC
//   eof     pread: nothing, as at the end of a file    short   reads and writes of a few bytes at a time
//   eintr   every second read and write: EINTR         stack   threads with stacks of 256 KiB
// PLIMSOLL_FAULT_LOG: a file that is made once a call was struck, and that holds "CALLS STRUCK" when the process ends.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace {

constexpr std::size_t kStackBytes = 256U << 10U;

struct Fault {
  char what[16] = "";
  std::uint64_t first = 1;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();

  Fault() {
    const char* text = std::getenv("PLIMSOLL_FAULT");
    if (text == nullptr) return;
    const std::size_t length = std::min(std::strcspn(text, ":"), sizeof what - 1);
    std::memcpy(what, text, length);
    if (text[length] != ':') return;
    char* end = nullptr;
    first = std::strtoull(text + length + 1, &end, 10);
    if (*end == ':') last = first + std::strtoull(end + 1, nullptr, 10) - 1;
  }
};

std::atomic<std::uint64_t> calls{0};
std::atomic<std::uint64_t> struck{0};

const Fault& fault() {
  static const Fault read;
  return read;
}

bool is(const char* what) { return std::strcmp(fault().what, what) == 0; }

void log_counts() {
  const char* path = std::getenv("PLIMSOLL_FAULT_LOG");
  if (path == nullptr) return;
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%llu %llu\n", static_cast<unsigned long long>(calls), static_cast<unsigned long long>(struck));
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (fd < 0) return;
  (void)::syscall(SYS_write, fd, text, static_cast<std::size_t>(length));
  (void)::syscall(SYS_close, fd);
}

struct AtEnd {
  ~AtEnd() { log_counts(); }
};
const AtEnd at_end;

bool strikes(const char* what) {
  if (!is(what)) return false;
  const std::uint64_t call = ++calls;
  if (call < fault().first || call > fault().last) return false;
  if (++struck == 1) log_counts();
  return true;
}

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int fails(int code) {
  errno = code;
  return -1;
}

/// -1 with errno, or how many of `size` bytes may go at once. Whole blocks stay whole: direct reads know nothing else.
ssize_t allowed(std::size_t size) {
  if (strikes("eio")) return fails(EIO);
  if (is("eintr") && ++calls % 2 == 1) {
    ++struck;
    return fails(EINTR);
  }
  if (size <= 1 || !strikes("short")) return static_cast<ssize_t>(size);
  return static_cast<ssize_t>(size > 4096 && size % 4096 == 0 ? 4096 : 1 + calls % std::min<std::size_t>(size, 511));
}

}  // namespace

void* operator new(std::size_t size) {
  void* block = strikes("new") ? nullptr : std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return strikes("new") ? nullptr : std::malloc(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  void* block = strikes("new") ? nullptr : std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t /*size*/) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept { std::free(block); }
void operator delete(void* block, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept { std::free(block); }

extern "C" {

ssize_t read(int fd, void* to, std::size_t size) {
  const ssize_t most = allowed(size);
  return most < 0 ? most : real<decltype(::read)>("read")(fd, to, static_cast<std::size_t>(most));
}

ssize_t pread(int fd, void* to, std::size_t size, off_t offset) {
  const ssize_t most = allowed(size);
  if (most < 0) return most;
  return strikes("eof") ? 0 : real<decltype(::pread)>("pread")(fd, to, static_cast<std::size_t>(most), offset);
}

ssize_t preadv2(int fd, const iovec* to, int count, off_t offset, int flags) {
  const ssize_t most = allowed(to->iov_len);
  if (most < 0) return most;
  const iovec part{to->iov_base, static_cast<std::size_t>(most)};
  return real<decltype(::preadv2)>("preadv2")(fd, count == 1 ? &part : to, count, offset, flags);
}

ssize_t write(int fd, const void* from, std::size_t size) {
  if (fd != STDERR_FILENO && strikes("write")) return fails(ENOSPC);
  const ssize_t most = is("eio") ? static_cast<ssize_t>(size) : allowed(size);
  return most < 0 ? most : real<decltype(::write)>("write")(fd, from, static_cast<std::size_t>(most));
}

int open(const char* path, int flags, ...) {
  std::va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return strikes("open") ? fails(EMFILE) : real<int(const char*, int, ...)>("open")(path, flags, mode);
}

void* mmap(void* start, std::size_t size, int protection, int flags, int fd, off_t offset) {
  if (!strikes("memory")) return reinterpret_cast<void*>(::syscall(SYS_mmap, start, size, protection, flags, fd, offset));
  errno = ENOMEM;
  return MAP_FAILED;
}

void* mremap(void* start, std::size_t before, std::size_t after, int flags, ...) {
  if (after <= before || !strikes("memory")) return reinterpret_cast<void*>(::syscall(SYS_mremap, start, before, after, flags, nullptr));
  errno = ENOMEM;
  return MAP_FAILED;
}

int madvise(void* start, std::size_t size, int advice) {
  return strikes("memory") ? fails(ENOMEM) : static_cast<int>(::syscall(SYS_madvise, start, size, advice));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) {
  return strikes("thread") ? EAGAIN : real<decltype(::pthread_create)>("pthread_create")(thread, attributes, body, argument);
}

int pthread_attr_setstacksize(pthread_attr_t* attributes, std::size_t size) {
  if (is("stack")) ++struck;
  return real<decltype(::pthread_attr_setstacksize)>("pthread_attr_setstacksize")(attributes, is("stack") ? kStackBytes : size);
}

}  // extern "C"
