#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "device/device.h"
#include "device/sim/heap_table.h"
#include "device/sim/sim_script.h"
#include "device/sim/sim_spec.h"

namespace plimsoll {

/// The memory of a simulated device: exactly `memory` bytes of addresses, given out in blocks that stay where they are, so that it can
/// be fragmented. With a name it is shared by all processes of this user that give the same name: a table in Os::private_folder, behind a
/// lock. Each heap holds a file of its own locked while it lives, so that what it held is free again once it is gone, however it ended and
/// in whatever namespace of processes it ran. A table that is damaged is made anew; each heap then puts its own blocks back. Any thread.
class SimHeap {
 public:
  /// Takes spec.context at once. `device` is for messages. Fails with `out_of_memory`, `io`, or `usage` when others use a heap of the
  /// name with another memory or used. `os` must outlive the heap, and so must `cancel`, which may be null: once it is set, nothing waits
  /// for others any more, and what would have to fails with `cancelled`.
  static Result<std::unique_ptr<SimHeap>> open(Os& os, const SimSpec& spec, std::string device, const CancelToken* cancel = nullptr);
  /// Gives back all that it holds.
  ~SimHeap();
  SimHeap(const SimHeap&) = delete;
  SimHeap& operator=(const SimHeap&) = delete;

  /// `out_of_memory` with requested, free, limit, largest piece and the largest other holders.
  Result<sim::Block> allocate(Bytes size);
  void release(const sim::Block& block);
  Result<DeviceMemoryState> memory();
  /// The other processes that hold most of it, largest first; none where the table cannot be read.
  std::vector<Holder> holders();
  /// Lets others take memory (as much as there is, in pieces) or give it back (what the specification's `used` took as well).
  Status change_others(const SizeChange& change);

 private:
  SimHeap(Os& os, const SimSpec& spec, std::string device, const CancelToken* cancel)
      : os_(os), spec_(spec), device_(std::move(device)), cancel_(cancel), table_(spec.memory, spec.used) {}

  Result<std::unique_ptr<FileLock>> lock_table();

  /// Runs `change` on the table as it is now and stores what it made of it, unless it fails.
  Status visit(const std::function<Status(sim::HeapTable&)>& change);
  bool settle() noexcept;
  Result<std::string> read_table();
  Status agree(const sim::HeapTable& table) const;
  Error shortfall(const sim::HeapTable& table, Bytes size) const;
  std::vector<Holder> holders_in(const sim::HeapTable& table) const;
  bool shared() const { return !path_.empty(); }

  Os& os_;
  std::mutex mutex_;  ///< of all below
  SimSpec spec_;
  std::string device_;
  const CancelToken* cancel_;
  std::string path_;       ///< of the table; empty: private
  bool is_stuck_ = false;  ///< others have held the lock for all our patience: it is asked for once each time, until it is had
  bool opened_ = false;
  sim::Owner self_;
  std::unique_ptr<FileLock> alive_;  ///< of a shared heap: shows the others that this one is there
  sim::HeapTable table_;
  std::vector<sim::Block> mine_;  ///< what it holds; the table is brought to this at each visit
};

}  // namespace plimsoll
