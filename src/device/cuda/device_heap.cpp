#include "device/cuda/device_heap.h"

#include <algorithm>

#include "base/rollback.h"

namespace plimsoll::cuda {

Result<std::unique_ptr<DeviceHeap>> DeviceHeap::reserve(std::shared_ptr<const Driver> driver, CUdevice device, Bytes room,
                                                        const std::string& name) {
  const Functions& f = driver->f();
  std::unique_ptr<DeviceHeap> heap(new DeviceHeap(std::move(driver), device));
  const CUmemAllocationProp properties = heap->properties();
  std::size_t page = 0;
  CUresult code = f.granularity(&page, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
  if (code != CUDA_SUCCESS || page == 0) return failure(f, code, "cannot ask for the size of its pages", name);
  heap->page_size_ = Bytes{page};
  const std::uint64_t size = (room.count + page - 1) / page * page;
  code = f.address_reserve(&heap->base_, size, 0, 0, 0);
  if (code != CUDA_SUCCESS) return failure(f, code, "cannot reserve " + format_bytes(Bytes{size}) + " of addresses", name);
  heap->room_ = size;
  return heap;
}

DeviceHeap::~DeviceHeap() {
  while (!pages_.empty()) {
    const std::uint64_t number = pages_.begin()->first;
    pages_.begin()->second.blocks = 1;
    let_go(number, number + 1);
  }
  if (room_ > 0) driver_->f().address_free(base_, room_);
}

CUmemAllocationProp DeviceHeap::properties() const {
  CUmemAllocationProp properties = {};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device_;
  return properties;
}

// The first gap that has room: low addresses stay in use, so that few pages are.
std::optional<std::uint64_t> DeviceHeap::find_place(std::uint64_t size) const {
  std::uint64_t begin = 0;
  for (const auto& [offset, end] : blocks_) {
    if (offset - begin >= size) break;
    begin = end;
  }
  if (begin > room_ || room_ - begin < size) return std::nullopt;
  return begin;
}

CUresult DeviceHeap::take(Bytes size, std::span<std::byte>& block) {
  if (size.count > room_) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::uint64_t rounded = (std::max<std::uint64_t>(size.count, 1) + kAlignment - 1) / kAlignment * kAlignment;
  const std::optional<std::uint64_t> begin = find_place(rounded);
  if (!begin) return CUDA_ERROR_OUT_OF_MEMORY;
  const auto taken = blocks_.emplace(*begin, *begin + rounded).first;
  Rollback untaken([&] { blocks_.erase(taken); });
  if (const CUresult code = back(*begin, *begin + rounded); code != CUDA_SUCCESS) return code;
  untaken.keep();
  taken_ += size;
  block = {reinterpret_cast<std::byte*>(address(*begin)), size.count};
  return CUDA_SUCCESS;
}

// Pages that are there gain a block; the others are taken from the driver, all of them or none.
CUresult DeviceHeap::back(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t first = begin / page_size_.count;
  const std::uint64_t last = (end - 1) / page_size_.count;
  std::uint64_t number = first;  // all before it have this block
  Rollback unbacked([&] { let_go(first, number); });
  while (number <= last) {
    const auto found = pages_.find(number);
    if (found != pages_.end()) {
      ++found->second.blocks;
      ++number;
      continue;
    }
    const std::uint64_t fresh = number;
    for (; number <= last && !pages_.contains(number); ++number) {
      if (const CUresult code = add_page(number); code != CUDA_SUCCESS) return code;
    }
    if (const CUresult code = allow_access(fresh, number); code != CUDA_SUCCESS) return code;
  }
  unbacked.keep();
  return CUDA_SUCCESS;
}

CUresult DeviceHeap::add_page(std::uint64_t number) {
  const Functions& f = driver_->f();
  const auto added = pages_.emplace(number, Page{0, 1}).first;
  const CUmemAllocationProp kind = properties();
  CUresult code = f.memory_create(&added->second.handle, page_size_.count, &kind, 0);
  if (code == CUDA_SUCCESS) {
    code = f.memory_map(address(number * page_size_.count), page_size_.count, 0, added->second.handle, 0);
    if (code != CUDA_SUCCESS) f.memory_release(added->second.handle);
  }
  if (code != CUDA_SUCCESS) pages_.erase(added);
  return code;
}

CUresult DeviceHeap::allow_access(std::uint64_t first_page, std::uint64_t end_page) {
  CUmemAccessDesc access = {};
  access.location = properties().location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  return driver_->f().memory_set_access(address(first_page * page_size_.count), (end_page - first_page) * page_size_.count, &access, 1);
}

// Each of the pages loses a block. Errors are those of a lost device, whose memory is gone.
void DeviceHeap::let_go(std::uint64_t first_page, std::uint64_t end_page) {
  const Functions& f = driver_->f();
  for (std::uint64_t number = first_page; number < end_page; ++number) {
    const auto found = pages_.find(number);
    if (found == pages_.end() || --found->second.blocks > 0) continue;
    f.memory_unmap(address(number * page_size_.count), page_size_.count);
    f.memory_release(found->second.handle);
    pages_.erase(found);
  }
}

void DeviceHeap::give_back(std::span<const std::byte> block) {
  const auto found = blocks_.find(reinterpret_cast<CUdeviceptr>(block.data()) - base_);
  if (found == blocks_.end()) return;
  let_go(found->first / page_size_.count, (found->second - 1) / page_size_.count + 1);
  taken_ -= Bytes{block.size()};
  blocks_.erase(found);
}

bool DeviceHeap::holds(std::span<const std::byte> range) const {
  if (range.empty()) return true;
  const std::uint64_t offset = reinterpret_cast<CUdeviceptr>(range.data()) - base_;
  const auto after = blocks_.upper_bound(offset);
  if (after == blocks_.begin()) return false;
  const std::uint64_t end = std::prev(after)->second;
  return offset < end && range.size() <= end - offset;
}

}  // namespace plimsoll::cuda
