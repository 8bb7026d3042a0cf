#include "support/heap_watch.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

std::atomic<std::size_t> live{0};
std::atomic<std::size_t> peak{0};
std::atomic<std::size_t> allocations_made{0};

// Of the fault in force: requests until it begins and until it is over, and how many it refused.
constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
std::atomic<std::size_t> asked{0};
std::atomic<std::size_t> fault_begin{kNever};
std::atomic<std::size_t> fault_end{kNever};
std::atomic<std::size_t> faults_struck{0};

bool is_refused() {
  if (fault_begin == kNever) return false;
  const std::size_t ordinal = ++asked;
  if (ordinal < fault_begin || ordinal >= fault_end) return false;
  ++faults_struck;
  return true;
}

void* watched(void* block) {
  if (block == nullptr) return nullptr;
  ++allocations_made;
  const std::size_t now = live += ::malloc_usable_size(block);
  if (now > peak) peak = now;
  return block;
}

void* needed(void* block) {
  if (block == nullptr || is_refused()) {
    std::free(block);
    throw std::bad_alloc();
  }
  return watched(block);
}

void release(void* block) {
  if (block != nullptr) live -= ::malloc_usable_size(block);
  std::free(block);
}

}  // namespace

// Not inlined, so that the compiler does not match `malloc` with `operator delete` by itself.
[[gnu::noinline]] void* operator new(std::size_t size) { return needed(std::malloc(size)); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return is_refused() ? nullptr : watched(std::malloc(size));
}
[[gnu::noinline]] void operator delete(void* block) noexcept { release(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t /*size*/) noexcept { release(block); }

// Also where an alignment is named: std::pmr::new_delete_resource always does.
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return needed(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t /*alignment*/) noexcept { release(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept { release(block); }

namespace plimsoll::testing {

HeapWatch::HeapWatch() : live_before_(live), allocations_before_(allocations_made) { peak = live_before_; }

HeapFault::HeapFault(std::size_t first, std::size_t length) {
  asked = faults_struck = 0;
  fault_end = length < kNever - first ? first + length : kNever;
  fault_begin = first;
}

void HeapFault::stop() { fault_begin = kNever; }
std::size_t HeapFault::asked_for() { return asked; }
std::size_t HeapFault::refused() { return faults_struck; }

std::size_t HeapWatch::highest() const { return peak - live_before_; }
std::size_t HeapWatch::left() const { return live - live_before_; }
std::size_t HeapWatch::allocations() const { return allocations_made - allocations_before_; }

}  // namespace plimsoll::testing
