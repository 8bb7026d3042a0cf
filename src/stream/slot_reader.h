#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <plimsoll/os.h>

#include "platform/direct_block.h"
#include "platform/thread_pool.h"

namespace plimsoll {

/// A contiguous range of a file.
struct Extent {
  File* file = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

class ReadQueue;

/// Reads extents of files into slots ahead of their use. Nothing is allocated, opened or started after `create` (but the text of an
/// error). One thread calls; `readers` threads read. A slot is free, then requested, then held from `wait` to `release`.
///
/// What is in the page cache is copied by the pool: in `wait`, while no other loop may use it, and what was requested next, by threads that
/// find nothing left to do in the loops that follow (ThreadPool::offer). The rest is read past the cache by a
/// reader, oldest request first, at most `readers` at once; without any reader, `wait` reads. An extent that was not cached does not stay
/// there. A read that the system never ends blocks neither `wait` (once cancelled), `reset` nor the destructor: after 200 ms its thread is
/// left behind, with `memory_owner` and, where a shared_ptr owns it, the file. Files that nobody shares must outlive such a thread.
class SlotReader {
 public:
  struct Options {
    Os* os = nullptr;                              ///< outlives the reader
    ThreadPool* pool = nullptr;                    ///< outlives the reader; null: the calling thread copies
    std::span<std::byte> memory = {};              ///< slots x slot_bytes, aligned to kDirectBlock
    std::shared_ptr<void> memory_owner = nullptr;  ///< keeps `memory`; may be null when nothing can be stuck
    std::uint64_t slot_bytes = 0;                  ///< as the function slot_bytes gives it
    int slots = 0;
    int readers = 2;                            ///< threads, each a read in flight; fewer if the system refuses some
    std::function<bool()> cancelled = nullptr;  ///< asked by the calling thread, at least every 50 ms while it waits; may be empty
  };

  /// What was done since `create`.
  struct Statistics {
    std::uint64_t direct_bytes = 0;      ///< read past the cache, in whole blocks
    std::uint64_t cached_bytes = 0;      ///< copied from the cache
    std::chrono::nanoseconds waited{0};  ///< in `wait`, for reads that were not done yet
    std::uint64_t retries = 0;           ///< failed reads that were tried again
  };

  /// Fails with `internal` when the memory does not suit.
  static Result<std::unique_ptr<SlotReader>> create(Options options);
  SlotReader(const SlotReader&) = delete;
  SlotReader& operator=(const SlotReader&) = delete;
  /// Takes 200 ms at most.
  ~SlotReader();

  /// Begins to read `extent` into `slot`, which must be free. Returns at once. The file lives until `release` or `reset`.
  void request(int slot, const Extent& extent);

  /// Waits until `slot` holds its extent, and gives it: `extent.bytes` bytes at any address, valid until `release`. Fails with
  /// - `io` when the fourth try failed as well, saying so;
  /// - `corrupt_file` when the file ends first;
  /// - `cancelled`: the request goes on, until `reset`;
  /// - `internal` when nothing was requested, or an extent that does not fit the slot.
  Result<std::span<const std::byte>> wait(int slot);

  /// `slot` may be requested again; what was requested before is forgotten.
  void release(int slot);

  /// Forgets all requests; every slot is free. Waits for reads in flight, but never for one that is stuck: its slot may be requested
  /// again, and is read once it is back.
  void reset();

  Statistics statistics() const;

 private:
  enum class Phase : std::uint8_t { free, cached, reading, ready, failed };
  struct Slot {
    Phase phase = Phase::free;
    Extent extent;
    Status failure;
    std::uint64_t number = 0;  // of the request
  };
  struct Range {  // of bytes of a file
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  /// An extent on its way from the page cache to its slot, in pieces that any thread may copy.
  struct CachedCopy {
    void begin(int to, const Extent& what, std::span<std::byte> memory);
    void operator()(std::int64_t piece);
    std::int64_t pieces() const;
    Range missing() const;

    int slot = -1;
    Extent extent;
    std::span<std::byte> out;
    std::atomic<std::uint64_t> first{0};  // byte that is missing, and one behind the last
    std::atomic<std::uint64_t> last{0};
  };

  SlotReader(Options options, std::shared_ptr<ReadQueue> queue) : options_(std::move(options)), queue_(std::move(queue)) {}
  Status check(const Extent& extent) const;
  /// What a look at the page cache showed: whether it seems to have all, and the byte that the look itself has brought there.
  struct Look {
    bool cached = false;
    Range brought;
  };
  static Look look_for(const Extent& extent, std::uint64_t number);
  void begin_copy(int slot);
  Range finish_copy(int slot);
  void offer_next();
  void drop_copy();
  void push(int slot, Range bytes, Range drop);
  Status await(int slot);
  Slot* find(int slot);
  std::span<std::byte> held(int slot) const;

  Options options_;
  std::shared_ptr<ReadQueue> queue_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Slot> slots_;
  CachedCopy copy_;  // the one that is under way
  SpareWork pieces_;
  std::uint64_t requests_ = 0;
  std::uint64_t cached_bytes_ = 0;
  std::chrono::nanoseconds waited_{0};
};

}  // namespace plimsoll
