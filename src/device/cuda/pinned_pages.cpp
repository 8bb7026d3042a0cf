#include "device/cuda/pinned_pages.h"

#include <algorithm>

#include "base/rollback.h"

namespace plimsoll::cuda {
namespace {

constexpr std::uintptr_t kPage = 4096;

std::uintptr_t begin_of(std::span<const std::byte> bytes) { return reinterpret_cast<std::uintptr_t>(bytes.data()) / kPage * kPage; }
std::uintptr_t end_of(std::span<const std::byte> bytes) {
  return (reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size() + kPage - 1) / kPage * kPage;
}

}  // namespace

CUresult PinnedPages::fill_gap(std::uintptr_t begin, std::uintptr_t end) {
  const auto added = ranges_.emplace(begin, Range{end, 1}).first;
  const CUresult code = driver_->f().host_register(reinterpret_cast<void*>(begin), end - begin, CU_MEMHOSTREGISTER_PORTABLE);
  if (code != CUDA_SUCCESS) ranges_.erase(added);
  return code;
}

CUresult PinnedPages::pin(std::span<const std::byte> bytes) {
  if (bytes.empty()) return CUDA_SUCCESS;
  const std::uintptr_t first = begin_of(bytes);
  const std::uintptr_t end = end_of(bytes);
  std::uintptr_t at = first;
  // From the last range that begins at or before `at`.
  auto next = ranges_.upper_bound(at);
  if (next != ranges_.begin() && std::prev(next)->second.end > at) --next;
  Rollback unpinned([&] { release(first, at); });
  while (at < end) {
    if (next != ranges_.end() && next->first <= at) {
      ++next->second.pins;
      at = next->second.end;
      ++next;
      continue;
    }
    const std::uintptr_t gap_end = next == ranges_.end() ? end : std::min(end, next->first);
    if (const CUresult code = fill_gap(at, gap_end); code != CUDA_SUCCESS) return code;
    at = gap_end;
  }
  unpinned.keep();
  return CUDA_SUCCESS;
}

void PinnedPages::unpin(std::span<const std::byte> bytes) {
  if (!bytes.empty()) release(begin_of(bytes), end_of(bytes));
}

// The ranges that a pin of these pages has: all that touch them.
void PinnedPages::release(std::uintptr_t begin, std::uintptr_t end) {
  if (begin >= end) return;
  auto next = ranges_.upper_bound(begin);
  if (next != ranges_.begin() && std::prev(next)->second.end > begin) --next;
  while (next != ranges_.end() && next->first < end) {
    if (--next->second.pins > 0) {
      ++next;
      continue;
    }
    driver_->f().host_unregister(reinterpret_cast<void*>(next->first));
    next = ranges_.erase(next);
  }
}

void PinnedPages::unregister(const Ranges& ranges) {
  for (const auto& [begin, range] : ranges) driver_->f().host_unregister(reinterpret_cast<void*>(begin));
}

std::size_t PinnedPages::piece(std::span<const std::byte> bytes) const {
  const auto at = reinterpret_cast<std::uintptr_t>(bytes.data());
  const auto next = ranges_.upper_bound(at);
  if (next != ranges_.begin() && std::prev(next)->second.end > at) return std::min(bytes.size(), std::prev(next)->second.end - at);
  return next == ranges_.end() ? bytes.size() : std::min<std::size_t>(bytes.size(), next->first - at);
}

}  // namespace plimsoll::cuda
