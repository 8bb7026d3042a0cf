#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include <plimsoll/result.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// What a piece of memory is for. Plans, reports and the ledger use the same tags in this order.
enum class MemoryTag : std::uint8_t { weights, activations, workspace, staging, kv, tables, io };
inline constexpr std::size_t kMemoryTags = 7;

std::string_view memory_tag_name(MemoryTag tag);

/// Bytes for each tag.
using TagBytes = std::array<Bytes, kMemoryTags>;

/// Counts every arena of one device against a limit. All memory whose size depends on a model or an input is charged
/// here before it is acquired. Safe to use from several threads.
class Ledger {
 public:
  /// `limit` bounds the sum over all tags.
  Ledger(std::string device, Bytes limit) : device_(std::move(device)), limit_(limit) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  const std::string& device() const { return device_; }

  /// Fails with `out_of_memory` (figures attached) and charges nothing if the sum would exceed the limit.
  Status charge(MemoryTag tag, Bytes size);
  /// Of more than the tag has, all that it has.
  void release(MemoryTag tag, Bytes size);
  /// What `charge` would come to now: for memory that is gone before anything else is charged.
  Status check(MemoryTag tag, Bytes size) const;

  void set_limit(Bytes limit);
  Bytes limit() const;
  Bytes current() const;
  Bytes current(MemoryTag tag) const;
  /// Highest value that `current()` has had.
  Bytes peak() const;
  /// Highest value that each tag has had.
  TagBytes peak_by_tag() const;

 private:
  Status check_locked(MemoryTag tag, Bytes size) const;

  std::string device_;
  mutable std::mutex mutex_;
  Bytes limit_;
  Bytes total_;
  Bytes peak_;
  TagBytes current_{};
  TagBytes tag_peak_{};
};

}  // namespace plimsoll

#pragma GCC visibility pop
