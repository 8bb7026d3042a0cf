#include "memory/arena.h"

#include <algorithm>
#include <new>
#include <utility>

namespace plimsoll {

Result<Arena> Arena::create(Os& os, Ledger& ledger, MemoryTag tag, Bytes size) {
  Arena arena;
  arena.tag_ = tag;
  const Bytes rounded = round_to_pages(size);
  if (rounded < size) return Error{ErrorCode::out_of_memory, "no machine has " + std::to_string(size.count) + " bytes", ledger.device()};
  if (rounded.count == 0) return arena;
  PLIMSOLL_CHECK(ledger.charge(tag, rounded));
  arena.ledger_ = &ledger;
  arena.size_ = rounded;
  PLIMSOLL_TRY(arena.mapping_, os.map_memory(rounded));
  return arena;
}

Status Arena::resize(Bytes size) {
  const Bytes rounded = round_to_pages(size);
  if (rounded == size_) return {};
  if (rounded < size || ledger_ == nullptr)
    return Error{ErrorCode::internal, "an arena of " + format_bytes(size_) + " cannot become one of " + format_bytes(size), "arena"};
  if (rounded.count == 0) {
    *this = Arena();
    return {};
  }
  if (rounded > size_) {
    Arena more;  // gives its charge back unless it is taken over
    PLIMSOLL_CHECK(ledger_->charge(tag_, rounded - size_));
    more.ledger_ = ledger_;
    more.tag_ = tag_;
    more.size_ = rounded - size_;
    PLIMSOLL_CHECK(mapping_->resize(rounded));
    more.ledger_ = nullptr;
  } else {
    PLIMSOLL_CHECK(mapping_->resize(rounded));
    ledger_->release(tag_, size_ - rounded);
  }
  size_ = rounded;
  return {};
}

Arena::Arena(Arena&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)),
      tag_(other.tag_),
      size_(std::exchange(other.size_, Bytes{})),
      mapping_(std::move(other.mapping_)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  // What this arena held is given back here, not when `other` ends.
  Arena taken(std::move(other));
  std::swap(ledger_, taken.ledger_);
  std::swap(tag_, taken.tag_);
  std::swap(size_, taken.size_);
  std::swap(mapping_, taken.mapping_);
  return *this;
}

Arena::~Arena() {
  mapping_.reset();
  if (ledger_ != nullptr) ledger_->release(tag_, size_);
}

void* ArenaResource::do_allocate(std::size_t size, std::size_t alignment) {
  void* start = bytes_.data() + used_;
  std::size_t left = bytes_.size() - used_;
  if (std::align(alignment, size, start, left) == nullptr) {
    was_too_small_ = true;
    throw std::bad_alloc();
  }
  used_ = bytes_.size() - left + size;
  highest_ = std::max(highest_, used_);
  return start;
}

void ArenaResource::do_deallocate(void* pointer, std::size_t size, std::size_t /*alignment*/) {
  // The newest block can be given back at once, so that a growing vector does not leave holes behind.
  if (static_cast<std::byte*>(pointer) + size == bytes_.data() + used_)
    used_ = static_cast<std::size_t>(static_cast<std::byte*>(pointer) - bytes_.data());
}

}  // namespace plimsoll
