#include "memory/ledger.h"

#include <algorithm>
#include <numeric>

namespace plimsoll {
namespace {

std::size_t index(MemoryTag tag) { return static_cast<std::size_t>(tag); }

}  // namespace

std::string_view memory_tag_name(MemoryTag tag) {
  static constexpr std::array<std::string_view, kMemoryTags> kNames = {"weights", "activations", "workspace", "staging",
                                                                       "kv",      "tables",      "io"};
  return kNames[index(tag)];
}

Status Ledger::check_locked(MemoryTag tag, Bytes size) const {
  const Bytes free = saturating_sub(limit_, total_);
  if (size <= free) return {};
  return Error{ErrorCode::out_of_memory,
               "the budget is used up: " + format_bytes(size) + " more for " + std::string(memory_tag_name(tag)) + ", " +
                   format_bytes(free) + " of " + format_bytes(limit_) + " free",
               device_, "raise --max-memory", MemoryShortfall{device_, size, free, limit_, {}, {}}};
}

Status Ledger::check(MemoryTag tag, Bytes size) const {
  const std::scoped_lock lock(mutex_);
  return check_locked(tag, size);
}

Status Ledger::charge(MemoryTag tag, Bytes size) {
  const std::scoped_lock lock(mutex_);
  PLIMSOLL_CHECK(check_locked(tag, size));
  total_ += size;
  peak_ = std::max(peak_, total_);
  Bytes& tagged = current_[index(tag)];
  tagged += size;
  tag_peak_[index(tag)] = std::max(tag_peak_[index(tag)], tagged);
  return {};
}

void Ledger::release(MemoryTag tag, Bytes size) {
  const std::scoped_lock lock(mutex_);
  Bytes& tagged = current_[index(tag)];
  size = std::min(size, tagged);
  total_ -= size;
  tagged -= size;
}

void Ledger::set_limit(Bytes limit) {
  const std::scoped_lock lock(mutex_);
  limit_ = limit;
}

Bytes Ledger::limit() const {
  const std::scoped_lock lock(mutex_);
  return limit_;
}

Bytes Ledger::current() const {
  const std::scoped_lock lock(mutex_);
  return total_;
}

Bytes Ledger::current(MemoryTag tag) const {
  const std::scoped_lock lock(mutex_);
  return current_[index(tag)];
}

Bytes Ledger::peak() const {
  const std::scoped_lock lock(mutex_);
  return peak_;
}

TagBytes Ledger::peak_by_tag() const {
  const std::scoped_lock lock(mutex_);
  return tag_peak_;
}

}  // namespace plimsoll
