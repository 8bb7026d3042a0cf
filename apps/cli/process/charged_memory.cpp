#include "process/charged_memory.h"

#include <algorithm>
#include <new>

namespace plimsoll::cli {

void ChargedMemory::allow(Bytes most) {
  most_ = most;
  refusal_ = Refusal::none;
}

void* ChargedMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const Bytes size = round_to_pages(Bytes{bytes});
  refusal_ = Refusal::room;
  if (alignment > kPage.count || size.count < bytes || size > saturating_sub(most_, held_)) throw std::bad_alloc();
  bool charged = false;
  try {
    charged = ledger_.charge(tag_, size).ok();
    if (!charged) throw std::bad_alloc();
    refusal_ = Refusal::system;
    auto mapping = os_.map_memory(size);
    if (!mapping.ok()) throw std::bad_alloc();
    blocks_.push_back({std::move(mapping).value(), size});
  } catch (const std::bad_alloc&) {
    if (charged) ledger_.release(tag_, size);
    throw;
  }
  refusal_ = Refusal::none;
  held_ += size;
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
