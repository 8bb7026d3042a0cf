#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <utility>

#include <plimsoll/os.h>

namespace plimsoll {

/// An open file descriptor, closed by the destructor. Move-only; -1 is none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  /// Gives it to a caller who closes it.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// What the system says about an errno.
std::string system_message(int code);

/// As pread(2); tests put their own in its place.
using ReadCall = ssize_t (*)(int fd, void* out, std::size_t bytes, off_t offset);

/// A regular file of the operating system.
class PosixFile final : public File {
 public:
  /// `gate` must outlive the file.
  PosixFile(Descriptor fd, std::uint64_t size, std::string path, Gate& gate, ReadCall read_call = ::pread)
      : fd_(std::move(fd)), size_(size), path_(std::move(path)), gate_(gate), read_call_(read_call) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override {
    if (direct_ >= 0) ::close(direct_);
  }

  std::uint64_t size() const override { return size_; }
  const std::string& path() const override { return path_; }

  Status read(std::span<std::byte> out, std::uint64_t offset) override;
  void open_direct() override;
  Status read_direct(std::span<std::byte> out, std::uint64_t offset) override;
  std::size_t read_cached(std::span<std::byte> out, std::uint64_t offset) override;
  std::optional<bool> all_cached(std::uint64_t offset, std::uint64_t bytes) override;
  void will_read(std::uint64_t offset, std::uint64_t bytes) override;
  void drop_cached(std::uint64_t offset, std::uint64_t bytes) override;

 private:
  Status read_buffered(std::span<std::byte> out, std::uint64_t offset);
  Error read_error(int code, std::uint64_t offset) const;
  Error ends_early(std::uint64_t offset) const;

  Descriptor fd_;
  std::atomic<int> direct_{-1};              // of the first thread that opened one
  std::atomic<bool> direct_refused_{false};  // the file system took O_DIRECT and then refused to read
  std::atomic<bool> untold_{false};          // the system does not tell what is cached
  std::uint64_t size_;
  std::string path_;
  Gate& gate_;
  ReadCall read_call_;
};

}  // namespace plimsoll
