#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "device/cuda/driver.h"

namespace plimsoll::cuda {

/// The memory of a device as one range of addresses, of which only pages with a block on them are backed: the driver's virtual memory
/// (cuMemAddressReserve, cuMemCreate, cuMemMap). Blocks lie beside each other, so that all of them together take at most a page more than
/// they hold, and a page is given back to the driver with its last block. The context is current wherever this is called.
class DeviceHeap {
 public:
  static constexpr std::uint64_t kAlignment = 512;

  /// Addresses for `room` bytes, no memory.
  static Result<std::unique_ptr<DeviceHeap>> reserve(std::shared_ptr<const Driver> driver, CUdevice device, Bytes room,
                                                     const std::string& name);
  /// All blocks have been given back, or the device is lost.
  ~DeviceHeap();
  DeviceHeap(const DeviceHeap&) = delete;
  DeviceHeap& operator=(const DeviceHeap&) = delete;

  /// A block of `size` bytes (0 counts as 1) at a multiple of kAlignment. Otherwise the driver's code, nothing changed.
  CUresult take(Bytes size, std::span<std::byte>& block);
  /// Nothing of the device uses the block any more.
  void give_back(std::span<const std::byte> block);

  /// Whether the range lies in one block. Any number of them in a row may be asked for.
  bool holds(std::span<const std::byte> range) const;
  Bytes taken() const { return taken_; }                       ///< by blocks
  Bytes mapped() const { return page_size_ * pages_.size(); }  ///< from the driver
  Bytes page_size() const { return page_size_; }

 private:
  struct Page {
    CUmemGenericAllocationHandle handle = 0;
    int blocks = 0;
  };
  DeviceHeap(std::shared_ptr<const Driver> driver, CUdevice device) : driver_(std::move(driver)), device_(device) {}

  CUmemAllocationProp properties() const;
  std::optional<std::uint64_t> find_place(std::uint64_t size) const;
  CUresult back(std::uint64_t begin, std::uint64_t end);
  CUresult add_page(std::uint64_t number);
  CUresult allow_access(std::uint64_t first_page, std::uint64_t end_page);
  void let_go(std::uint64_t first_page, std::uint64_t end_page);
  CUdeviceptr address(std::uint64_t offset) const { return base_ + offset; }

  std::shared_ptr<const Driver> driver_;
  CUdevice device_ = 0;
  CUdeviceptr base_ = 0;
  std::uint64_t room_ = 0;
  Bytes page_size_;
  Bytes taken_;
  std::map<std::uint64_t, std::uint64_t> blocks_;  ///< offset -> end, as aligned
  std::map<std::uint64_t, Page> pages_;            ///< by number
};

}  // namespace plimsoll::cuda
