#include "process/block_pool.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

namespace plimsoll::cli {
namespace {

/// Which of the sizes holds `bytes`.
std::size_t index_of(std::size_t bytes, std::size_t smallest) {
  return static_cast<std::size_t>(std::bit_width(std::max(bytes, smallest) - 1) - std::bit_width(smallest - 1));
}

}  // namespace

void BlockPool::add_slab() {
  const std::size_t size = slabs_ == nullptr ? kFirstSlab : std::min(2 * slabs_->size, kLargestSlab);
  auto* place = static_cast<std::byte*>(pages_.allocate(size, kSmallest));
  slabs_ = new (place) Slab{slabs_, size};
  rest_ = place + sizeof(Slab);
  rest_bytes_ = size - sizeof(Slab);
}

void* BlockPool::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (bytes > kLargest || alignment > kSmallest) return pages_.allocate(bytes, alignment);
  const std::size_t index = index_of(bytes, kSmallest);
  if (Free* const block = free_[index]) {
    free_[index] = block->next;
    return block;
  }
  const std::size_t size = kSmallest << index;
  if (size > rest_bytes_) add_slab();
  rest_bytes_ -= size;
  return std::exchange(rest_, rest_ + size);
}

void BlockPool::do_deallocate(void* place, std::size_t bytes, std::size_t alignment) {
  if (bytes > kLargest || alignment > kSmallest) return pages_.deallocate(place, bytes, alignment);
  Free*& first = free_[index_of(bytes, kSmallest)];
  first = new (place) Free{first};
}

void BlockPool::release() {
  while (slabs_ != nullptr) {
    Slab* const slab = std::exchange(slabs_, slabs_->next);
    pages_.deallocate(slab, slab->size, kSmallest);
  }
  free_.fill(nullptr);
  rest_ = nullptr;
  rest_bytes_ = 0;
}

}  // namespace plimsoll::cli
