#include "support/heap_watch.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> live{0};
std::atomic<std::size_t> peak{0};
std::atomic<std::size_t> allocations_made{0};

void* counted(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  ++allocations_made;
  const std::size_t now = live += ::malloc_usable_size(block);
  if (now > peak) peak = now;
  return block;
}

void release(void* block) {
  if (block != nullptr) live -= ::malloc_usable_size(block);
  std::free(block);
}

}  // namespace

// Not inlined, so that the compiler does not match `malloc` with `operator delete` by itself.
[[gnu::noinline]] void* operator new(std::size_t size) { return counted(std::malloc(size)); }
[[gnu::noinline]] void operator delete(void* block) noexcept { release(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t /*size*/) noexcept { release(block); }

// Also where an alignment is named: std::pmr::new_delete_resource always does.
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t /*alignment*/) noexcept { release(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept { release(block); }

namespace plimsoll::testing {

HeapWatch::HeapWatch() : live_before_(live), allocations_before_(allocations_made) { peak = live_before_; }

std::size_t HeapWatch::highest() const { return peak - live_before_; }
std::size_t HeapWatch::left() const { return live - live_before_; }
std::size_t HeapWatch::allocations() const { return allocations_made - allocations_before_; }

}  // namespace plimsoll::testing
