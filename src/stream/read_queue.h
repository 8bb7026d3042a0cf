#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <plimsoll/os.h>

namespace plimsoll {

/// Whole blocks of a file, and where they go.
struct BlockRead {
  File* file = nullptr;
  std::shared_ptr<File> owner = nullptr;  ///< of `file`, if it has one
  std::uint64_t offset = 0;               ///< a multiple of kDirectBlock
  std::span<std::byte> out = {};          ///< whole blocks, aligned; the file may end inside the last one
  std::uint64_t drop_offset = 0;          ///< afterwards the page cache drops this range, which a look into it has brought there
  std::uint64_t drop_bytes = 0;
};

/// Reads that wait for a thread, at most one for each slot, and what became of them. One thread asks; any number serve. All memory is
/// acquired by the constructor. Held by shared_ptr, because a thread that is stuck in a read must keep what it touches when everyone else
/// is gone.
class ReadQueue {
 public:
  struct Counts {
    std::uint64_t bytes = 0;    ///< of reads that did not fail, in whole blocks
    std::uint64_t retries = 0;  ///< reads that were tried again
  };

  /// `memory_owner` lives as long as a thread may write into a slot.
  ReadQueue(int slots, int readers, std::shared_ptr<void> memory_owner);

  /// Asks for a read; what was asked for the slot before is forgotten.
  void push(int slot, BlockRead read);
  /// Waits until the slot's read is done, something else happened, or `most` has passed. True when it is done.
  bool wait(int slot, std::chrono::milliseconds most);
  /// Reads by the calling thread, for want of others.
  void run(int slot);
  /// How the read went, once it is done.
  Status take_status(int slot);
  /// Nothing is asked for the slot any more. A read in flight goes on, and keeps the slot from new ones until it ends.
  void forget(int slot);
  /// True while a thread may write into the slot, be it for a read that was forgotten.
  bool busy(int slot);
  /// Waits until no reader is at work, at most for `most`.
  void settle(std::chrono::milliseconds most);
  /// Forgets everything and tells readers to end.
  void stop();
  /// True while the reader is at work, perhaps stuck.
  bool at_work(int reader);
  Counts counts();

  /// The life of a reader thread: serves the oldest read until `stop`.
  void serve(int reader);

 private:
  enum class Phase : std::uint8_t { idle, queued, reading, done };
  struct Entry {
    Phase phase = Phase::idle;
    bool busy = false;         // a thread has the slot's memory
    std::uint64_t ticket = 0;  // tells a read from later ones of the same slot, and orders them
    BlockRead read;
    Status status;
  };
  using Lock = std::unique_lock<std::mutex>;

  Entry& entry(int slot) { return entries_[static_cast<std::size_t>(slot)]; }
  Entry* oldest();
  bool anyone_at_work() const;
  void forget(Entry& entry);
  void read(Lock& lock, Entry& entry);
  Status read_again_and_again(const BlockRead& read, const Entry& entry, std::uint64_t ticket);
  bool pause(const Entry& entry, std::uint64_t ticket, std::chrono::milliseconds length);

  std::shared_ptr<void> memory_owner_;
  std::mutex mutex_;
  std::condition_variable asked_;   // for readers: there may be a read
  std::condition_variable ended_;   // for the asker: a read ended
  std::condition_variable forgot_;  // for pauses: it may be of no use any more
  std::vector<Entry> entries_;      // [slots]
  std::vector<char> at_work_;       // [readers]
  std::uint64_t last_ticket_ = 0;
  bool stopping_ = false;
  Counts counts_;
};

}  // namespace plimsoll
