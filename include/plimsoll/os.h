#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/gate.h>
#include <plimsoll/result.h>

namespace plimsoll {

/// A file opened for reading by position. The file stays the one that was opened even if its name is reused.
class File {
 public:
  virtual ~File() = default;

  /// Size in bytes when it was opened.
  virtual std::uint64_t size() const = 0;
  virtual const std::string& path() const = 0;

  /// Fills `out` from `offset`; repeats short and interrupted reads. Fails with `io` on a read error, and with
  /// `corrupt_file` naming the offset when the file ends first (it was truncated while in use).
  virtual Status read(std::span<std::byte> out, std::uint64_t offset) = 0;

  /// Makes `read_direct` bypass the page cache if the file system can: a second descriptor of the same file, opened once. A
  /// refusal is no failure: reads are then buffered and their pages dropped afterwards. Not safe beside other calls.
  virtual void open_direct() {}

  /// Like `read`, but leaves nothing in the page cache. `out`'s address and size and `offset` are multiples of kDirectBlock; the file may
  /// end inside the last block, whose rest then is unspecified.
  virtual Status read_direct(std::span<std::byte> out, std::uint64_t offset) { return read(out, offset); }

  /// Copies the bytes that are in the page cache, from `offset` on up to the first that is not; never waits for the disk. Gives their number.
  virtual std::size_t read_cached(std::span<std::byte> /*out*/, std::uint64_t /*offset*/) { return 0; }

  /// A hint: these bytes will be read soon. Returns at once.
  virtual void will_read(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) {}
};

/// Alignment of direct reads: what every block device accepts.
inline constexpr std::size_t kDirectBlock = 4096;

/// A running thread; joined by the destructor.
class Thread {
 public:
  virtual ~Thread() = default;
};

/// A range of addresses; unmapped by the destructor.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual std::span<std::byte> bytes() const = 0;
};

/// What the program asks of the operating system, behind one interface that tests replace. Every acquisition passes
/// the Gate first. Safe to use from several threads.
class Os {
 public:
  virtual ~Os() = default;

  virtual Gate& gate() = 0;

  /// Opens a regular file; anything else (directory, FIFO, device) is `not_found` saying what it is. Never blocks
  /// on a FIFO. A missing or unreadable file is `not_found`.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;

  /// The whole of a small text file: `not_found` if absent, `corrupt_file` if longer than `limit` bytes. Works for /proc.
  virtual Result<std::string> read_text(const std::string& path, std::size_t limit) = 0;

  virtual bool is_directory(const std::string& path) = 0;
  virtual bool is_file(const std::string& path) = 0;
  /// Names in a directory, sorted; empty if it cannot be read.
  virtual std::vector<std::string> list_directory(const std::string& path) = 0;
  /// Writes a file by temporary name and rename; missing parent folders are created.
  virtual Status write_text(const std::string& path, std::string_view text) = 0;

  /// Private anonymous memory of `size` bytes (rounded up to pages), zero, not yet populated, advised against huge
  /// pages. Fails with `out_of_memory`.
  virtual Result<std::unique_ptr<Mapping>> map_memory(Bytes size) = 0;

  /// Starts a thread with a stack of 512 KiB. Fails with `out_of_memory` when none can be made.
  virtual Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) = 0;

  virtual std::optional<std::string> environment(const std::string& name) = 0;
  /// Monotonic.
  virtual std::chrono::nanoseconds now() = 0;
  /// Logical processors that this process may run on.
  virtual std::vector<int> affinity() = 0;
  /// Soft limit of a resource (RLIMIT_AS, RLIMIT_DATA, ...), or nothing when unlimited.
  virtual std::optional<Bytes> memory_rlimit(int resource) = 0;
};

/// The operating system itself. `gate` must outlive the result.
std::unique_ptr<Os> make_os(Gate& gate);

}  // namespace plimsoll
