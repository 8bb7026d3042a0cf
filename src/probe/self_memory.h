#pragma once

#include <algorithm>
#include <optional>

#include <plimsoll/bytes.h>
#include <plimsoll/os.h>

namespace plimsoll::probe {

/// What this process holds now, from /proc/self/status, or /proc/self/statm where that does not tell (Linux before 4.5, sandboxes): without
/// shared memory and what follows it then. The mapped pages of files (RssFile) are not in it: they can be dropped.
struct SelfMemory {
  Bytes anonymous;  ///< RssAnon
  Bytes shared;     ///< RssShmem
  Bytes locked;     ///< VmLck; pages of `anonymous` and `shared` that are locked are in there, too
  Bytes addresses;  ///< VmSize, what RLIMIT_AS bounds
  Bytes data;       ///< VmData, what RLIMIT_DATA bounds
  Bytes tables;     ///< VmPTE, the kernel's page tables

  /// What counts against a budget.
  Bytes held() const { return anonymous + shared; }
};

/// Zeros where /proc cannot be read. Takes about 20 microseconds.
SelfMemory read_self_memory(Os& os);

/// Highest `SelfMemory::anonymous` and `held` of the moments at which `sample` was called.
class MemoryPeak {
 public:
  SelfMemory sample(Os& os) {
    const SelfMemory now = read_self_memory(os);
    anonymous_ = std::max(anonymous_, now.anonymous);
    held_ = std::max(held_, now.held());
    return now;
  }
  Bytes anonymous() const { return anonymous_; }
  Bytes held() const { return held_; }

 private:
  Bytes anonymous_;
  Bytes held_;
};

}  // namespace plimsoll::probe
