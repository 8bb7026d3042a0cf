#include "probe/measure_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

#include "platform/interruption.h"

namespace plimsoll::probe {
namespace {

constexpr std::uint64_t kBlock = std::uint64_t{4} << 20U;
constexpr std::chrono::milliseconds kLongest{300};

class DirectFile {
 public:
  explicit DirectFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_DIRECT)) {}
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;
  ~DirectFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// The blocks of a file, handed out to readers until the time is over.
class Measurement {
 public:
  Measurement(Os& os, int fd, std::uint64_t size) : os_(os), fd_(fd), blocks_(size / kBlock), start_(os.now()) {}

  void read_blocks(std::span<std::byte> block) {
    while (os_.now() - start_ < kLongest && error_.load() == 0) {
      const std::uint64_t index = next_.fetch_add(1);
      if (index >= blocks_) return;
      const int code = read_block(block, index * kBlock);
      if (code != 0) error_.store(code);
      else read_.fetch_add(kBlock);
    }
  }

  int error() const { return error_.load(); }

  double rate() const {
    const std::chrono::duration<double> elapsed = os_.now() - start_;
    return elapsed.count() > 0 ? static_cast<double>(read_.load()) / elapsed.count() : 0;
  }

 private:
  int read_block(std::span<std::byte> block, std::uint64_t offset) {
    if (!os_.gate().admit(Acquisition::read, "measure_disk_read: read")) return EIO;
    ssize_t got = -1;
    Interruption interruption;
    do got = ::pread(fd_, block.data(), kBlock, static_cast<off_t>(offset));
    while (interruption.again(got));
    if (got < 0) return errno;
    return static_cast<std::uint64_t>(got) == kBlock ? 0 : EIO;
  }

  Os& os_;
  int fd_;
  std::uint64_t blocks_;
  std::chrono::nanoseconds start_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> read_{0};
  std::atomic<int> error_{0};
};

Error failure(ErrorCode code, const std::string& what, const std::string& path) {
  return Error{code, "cannot measure the disk: " + what, path,
               "pass a regular file of at least " + format_bytes(kLeastToMeasure) + " on a disk"};
}

std::string system_message(int code) { return std::system_category().message(code); }

}  // namespace

Result<double> measure_disk_read(Os& os, const std::string& path) {
  if (!os.gate().admit(Acquisition::open, "measure_disk_read: open")) return failure(ErrorCode::io, system_message(EMFILE), path);
  const DirectFile file(path);
  if (file.get() < 0) {
    const int code = errno;
    return failure(code == EINVAL ? ErrorCode::unsupported : ErrorCode::not_found, system_message(code), path);
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return failure(ErrorCode::io, system_message(errno), path);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || size < kLeastToMeasure.count) return failure(ErrorCode::unsupported, "it is too small", path);

  PLIMSOLL_TRY(const auto memory, os.map_memory(Bytes{2 * kBlock}));
  memory->use_huge_pages();
  Measurement measurement(os, file.get(), size);
  {
    PLIMSOLL_TRY(const auto second, os.start_thread([&] { measurement.read_blocks(memory->bytes().last(kBlock)); }));
    measurement.read_blocks(memory->bytes().first(kBlock));
  }
  if (measurement.error() != 0) {
    const bool refused = measurement.error() == EINVAL;
    return failure(refused ? ErrorCode::unsupported : ErrorCode::io, system_message(measurement.error()), path);
  }
  return measurement.rate();
}

}  // namespace plimsoll::probe
