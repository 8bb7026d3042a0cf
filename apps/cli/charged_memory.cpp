#include "charged_memory.h"

#include <algorithm>
#include <new>

namespace plimsoll::cli {

void ChargedMemory::allow(Bytes most) {
  most_ = most;
  refused_ = false;
}

void* ChargedMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const Bytes size = round_to_pages(Bytes{bytes});
  refused_ = true;
  if (alignment > kPage.count || size.count < bytes || size > saturating_sub(most_, held_)) throw std::bad_alloc();
  blocks_.emplace_back();
  const bool charged = ledger_.charge(tag_, size).ok();
  auto mapping = charged ? os_.map_memory(size) : Result<std::unique_ptr<Mapping>>(Error{ErrorCode::out_of_memory, {}});
  if (!mapping.ok()) {
    if (charged) ledger_.release(tag_, size);
    blocks_.pop_back();
    throw std::bad_alloc();
  }
  refused_ = false;
  held_ += size;
  blocks_.back() = {std::move(mapping).value(), size};
  return blocks_.back().mapping->bytes().data();
}

void ChargedMemory::do_deallocate(void* place, std::size_t /*bytes*/, std::size_t /*alignment*/) {
  // The newest are given back most often.
  const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(), [&](const Block& b) { return b.mapping->bytes().data() == place; });
  if (found == blocks_.rend()) return;
  held_ -= found->size;
  ledger_.release(tag_, found->size);
  blocks_.erase(std::next(found).base());
}

}  // namespace plimsoll::cli
