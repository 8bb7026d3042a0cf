#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/cancel.h>
#include <plimsoll/gate.h>
#include <plimsoll/result.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// Alignment of direct reads: what every block device accepts.
inline constexpr std::size_t kDirectBlock = 4096;

/// A file opened for reading by position. The file stays the one that was opened even if its name is reused. Reads may run in several
/// threads at once. Who owns it by shared_ptr lets a thread that is stuck in a read keep it.
class File : public std::enable_shared_from_this<File> {
 public:
  virtual ~File() = default;

  /// Size in bytes when it was opened.
  virtual std::uint64_t size() const = 0;
  virtual const std::string& path() const = 0;

  /// Fills `out` from `offset`; repeats short and interrupted reads. Fails with `io` on a read error, and with
  /// `corrupt_file` naming the offset when the file ends first (it was truncated while in use).
  virtual Status read(std::span<std::byte> out, std::uint64_t offset) = 0;

  /// Prepares for `read_direct` and `read_cached`: opens a second descriptor of the same file that bypasses the page cache, if the file
  /// system can, and keeps it as long as the file. A refusal is no failure: direct reads are then buffered and their pages dropped
  /// afterwards. Any thread, beside any other call.
  virtual void open_direct() {}

  /// Like `read`, but leaves nothing in the page cache. `out`'s address and size and `offset` are multiples of kDirectBlock; the file may
  /// end inside the last block, whose rest then is unspecified.
  virtual Status read_direct(std::span<std::byte> out, std::uint64_t offset) { return read(without_tail(out, offset), offset); }

  /// Copies the bytes that are in the page cache, from `offset` on up to the first that is not; never waits for the disk. Gives their
  /// number. The system may begin to read what was missing: `drop_cached` takes it back.
  virtual std::size_t read_cached(std::span<std::byte> /*out*/, std::uint64_t /*offset*/) { return 0; }

  /// Whether the page cache has every one of these bytes, where the system tells that without reading any (Linux 6.5 and later, of files
  /// that this user could write); nothing where it does not.
  virtual std::optional<bool> all_cached(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) { return std::nullopt; }

  /// A hint: these bytes will be read soon. Returns at once.
  virtual void will_read(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) {}

  /// A hint: the page cache need not keep the blocks of these bytes.
  virtual void drop_cached(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) {}

 protected:
  /// `out`, of whole blocks to be read from `offset`, without what lies beyond the end of the file in its last block.
  std::span<std::byte> without_tail(std::span<std::byte> out, std::uint64_t offset) const {
    const std::uint64_t left = offset < size() ? size() - offset : 0;
    return left < out.size() && out.size() - left < kDirectBlock ? out.first(static_cast<std::size_t>(left)) : out;
  }
};

/// A folder that is held open: it stays the one that was opened, whatever its name leads to later. Any thread.
class Folder {
 public:
  virtual ~Folder() = default;

  /// As it was named when it was opened.
  virtual const std::string& path() const = 0;
  /// Opens `name` in it like `Os::open`; the file's path is path()/name. Links are followed beneath the root that the folder was opened by:
  /// one that leads out of it (".." too far, an absolute path, /proc's own) is `not_found`.
  virtual Result<std::unique_ptr<File>> open(const std::string& name) = 0;
  /// Whether `name` is there and is no folder; a link counts as what it leads to, wherever that is.
  virtual bool has(const std::string& name) = 0;
  /// Whether it lists `name`, be it a folder or a link to nothing; also where that cannot be told.
  virtual bool lists(const std::string& name) = 0;
  /// The first of its names, in their order, that ends in `suffix`; empty where none does or it cannot be read. Holds no list of them.
  virtual std::string first_name(std::string_view suffix) = 0;
};

/// A running thread; joined by the destructor unless it was detached.
class Thread {
 public:
  virtual ~Thread() = default;

  /// Lets it run on by itself, for a thread that may never return from the system. Its body must own all that it touches.
  virtual void detach() = 0;
};

/// A range of addresses; unmapped by the destructor.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual std::span<std::byte> bytes() const = 0;

  /// Makes it `size` bytes (rounded up to pages) long and keeps what is in the part that stays. Growing may move it, passes the Gate and
  /// fails with `out_of_memory`, nothing changed; new pages are zero. Shrinking moves nothing, gives the end back at once and never fails.
  virtual Status resize(Bytes size) = 0;

  /// Asks for huge pages where they fit whole: first use then takes memory 2 MiB at a time, never more than the mapping in all. Direct
  /// reads run faster into them. Before first use, and not for much memory: the system may have to move other pages out of the way.
  virtual void use_huge_pages() {}
};

/// A file held against others; let go by the destructor, and by the system when the process ends in whatever way.
class FileLock {
 public:
  virtual ~FileLock() = default;

  /// Replaces what the file holds, in place. Who reads it meanwhile may see a part of either text. Fails with `io`.
  virtual Status write(std::string_view /*text*/) { return Error{ErrorCode::unsupported, "this lock holds no text"}; }
};

/// A shared library that was loaded; unloaded by the destructor. Any thread.
class Library {
 public:
  virtual ~Library() = default;
  /// The address of a function; null where the library has none of that name.
  virtual void* find(const std::string& symbol) const = 0;
};

/// Memory of the machine, as sysinfo(2) tells it.
struct SystemMemory {
  Bytes total;
  Bytes free;
  Bytes buffers;
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

  /// Opens the folder `inside` of `root`, `root` itself where `inside` is empty. Links are followed on the way to `root`, and from there on
  /// beneath it. Fails with `not_found` where there is none.
  virtual Result<std::unique_ptr<Folder>> open_folder(const std::string& root, const std::string& inside) = 0;

  /// `path` without links, "." and ".."; as it is where that cannot be told.
  virtual std::string real_path(const std::string& path) { return path; }

  /// The whole of a small text file: `not_found` if absent, `corrupt_file` if longer than `limit` bytes. Works for /proc.
  virtual Result<std::string> read_text(const std::string& path, std::size_t limit) = 0;
  /// Hands the text of a file of any length to `take`, part by part in their order, and keeps none of it. Ends with the first failure of
  /// `take`, which it gives. Fails like `read_text`, perhaps after some parts.
  virtual Status read_parts(const std::string& path, const std::function<Status(std::string_view)>& take) {
    PLIMSOLL_TRY(const std::string text, read_text(path, std::numeric_limits<std::size_t>::max()));
    return take(text);
  }

  virtual bool is_directory(const std::string& path) = 0;
  virtual bool is_file(const std::string& path) = 0;
  /// Names in a directory, sorted; empty if it cannot be read.
  virtual std::vector<std::string> list_directory(const std::string& path) = 0;
  /// Writes a file by temporary name and rename; missing parent folders are created.
  virtual Status write_text(const std::string& path, std::string_view text) = 0;

  /// Private anonymous memory of `size` bytes (rounded up to pages), zero, not yet populated, advised against huge
  /// pages. Fails with `out_of_memory`.
  virtual Result<std::unique_ptr<Mapping>> map_memory(Bytes size) = 0;

  /// Starts a thread with a stack of 512 KiB; `body` is destroyed by that thread when it returns. Fails with `out_of_memory` when none can
  /// be made.
  virtual Result<std::unique_ptr<Thread>> start_thread(std::function<void()> body) = 0;

  /// A folder for what processes of this user share while they run: $XDG_RUNTIME_DIR/plimsoll, else /tmp/plimsoll-UID. Made with mode 0700;
  /// fails with `io` where that name is a link, another user's, or open to others.
  virtual Result<std::string> private_folder() { return Error{ErrorCode::unsupported, "this system has no folder of one user"}; }
  /// Locks the file `path` (made empty if absent; links are refused) against every other holder, in this process too. Waits at most
  /// `patience`, then fails with `io`; fails with `cancelled` instead of waiting once `cancel`, which may be null, is set.
  virtual Result<std::unique_ptr<FileLock>> lock_file(const std::string& path, std::chrono::milliseconds /*patience*/,
                                                      const CancelToken* /*cancel*/ = nullptr) {
    return Error{ErrorCode::unsupported, "this system has no file locks", path};
  }
  /// True while another holds the file by `lock_file`. Never waits, and makes no file.
  virtual bool is_locked(const std::string& /*path*/) { return false; }
  /// Removes a file, if it is there and may be removed.
  virtual void remove_file(const std::string& /*path*/) {}

  /// Loads a shared library, by its path or by the name that the loader looks for. Fails with `not_found` where there is none, and with
  /// `unsupported`, in the loader's words, where it cannot be loaded. May take as long as the library's own start.
  virtual Result<std::shared_ptr<Library>> load_library(const std::string& name) {
    return Error{ErrorCode::not_found, "this system loads no libraries", name};
  }

  virtual std::optional<std::string> environment(const std::string& name) = 0;
  /// Monotonic.
  virtual std::chrono::nanoseconds now() = 0;
  /// Logical processors that this process may run on.
  virtual std::vector<int> affinity() = 0;
  /// Soft limit of a resource (RLIMIT_AS, RLIMIT_DATA, ...), or nothing when unlimited.
  virtual std::optional<Bytes> memory_rlimit(int resource) = 0;
  /// Memory of the machine, for where /proc does not tell; nothing where this is not known either.
  virtual std::optional<SystemMemory> system_memory() { return std::nullopt; }
};

/// The operating system itself. `gate` must outlive the result, its files, mappings and the threads that it started.
std::unique_ptr<Os> make_os(Gate& gate);

}  // namespace plimsoll

#pragma GCC visibility pop
