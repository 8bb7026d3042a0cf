#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>

namespace plimsoll::cli {

/// Cuts large blocks of another resource into small ones, and uses what was given back again for the same size. Large requests go to that
/// resource as they are. Keeps its accounts in the blocks themselves, so that a refusal, whenever it comes, leaves everything as it was:
/// std::pmr::unsynchronized_pool_resource of libstdc++ 12 ends the process where its list of blocks is refused. One thread.
class BlockPool final : public std::pmr::memory_resource {
 public:
  /// `pages` must outlive the pool, and gives what is aligned for any type.
  explicit BlockPool(std::pmr::memory_resource& pages) : pages_(pages) {}
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() override { release(); }

  /// Gives all small blocks back. None may be in use.
  void release();

 private:
  static constexpr std::size_t kSmallest = alignof(std::max_align_t);
  static constexpr std::size_t kSizes = 9;  // powers of two up to 4 KiB
  static constexpr std::size_t kLargest = kSmallest << (kSizes - 1);
  static constexpr std::size_t kFirstSlab = std::size_t{64} << 10U;
  static constexpr std::size_t kLargestSlab = std::size_t{1} << 20U;

  struct Free {
    Free* next;
  };
  struct alignas(kSmallest) Slab {
    Slab* next;
    std::size_t size;
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
  void add_slab();

  std::pmr::memory_resource& pages_;
  std::array<Free*, kSizes> free_{};
  Slab* slabs_ = nullptr;  // the newest first
  std::byte* rest_ = nullptr;
  std::size_t rest_bytes_ = 0;  // of the newest
};

}  // namespace plimsoll::cli
