#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "device/cuda/driver.h"

namespace plimsoll::cuda {

/// Pages of the host that are registered with the driver. Pins may overlap, which the driver does not allow: each page is registered once,
/// for as long as a pin has it. A copy must not cross the end of what was registered at once: `for_each_piece` cuts it there. The context
/// is current wherever this is called.
class PinnedPages {
 public:
  explicit PinnedPages(std::shared_ptr<const Driver> driver) : driver_(std::move(driver)) {}
  PinnedPages(const PinnedPages&) = delete;
  PinnedPages& operator=(const PinnedPages&) = delete;
  ~PinnedPages() { unregister(ranges_); }

  /// Registers all pages that `bytes` touch; all or none.
  CUresult pin(std::span<const std::byte> bytes);
  /// Of a pin that was made; nothing copies from or to it any more.
  void unpin(std::span<const std::byte> bytes);

  /// Calls visit(offset, size) for the parts of `bytes`, in order, each wholly within one registered range or wholly outside of all. Stops
  /// where that gives false.
  template <typename Visit>
  void for_each_piece(std::span<const std::byte> bytes, Visit&& visit) const {
    for (std::size_t offset = 0; offset < bytes.size();) {
      const std::size_t size = piece(bytes.subspan(offset));
      if (!visit(offset, size)) return;
      offset += size;
    }
  }

 private:
  struct Range {
    std::uintptr_t end = 0;
    int pins = 0;
  };
  using Ranges = std::map<std::uintptr_t, Range>;  // by begin; they never overlap

  std::size_t piece(std::span<const std::byte> bytes) const;
  CUresult fill_gap(std::uintptr_t begin, std::uintptr_t end);
  void release(std::uintptr_t begin, std::uintptr_t end);
  void unregister(const Ranges& ranges);

  std::shared_ptr<const Driver> driver_;
  Ranges ranges_;
};

}  // namespace plimsoll::cuda
