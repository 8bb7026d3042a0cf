#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <vector>

namespace plimsoll::tokenizer {

/// A list that grows by blocks: nothing is moved or freed while it grows, so that it takes no more than its items also
/// from a resource that never reuses memory. `clear` keeps the blocks.
template <typename T>
class BlockList {
 public:
  explicit BlockList(std::pmr::memory_resource* memory) : blocks_(memory) {}
  BlockList(const BlockList&) = delete;
  BlockList& operator=(const BlockList&) = delete;
  ~BlockList() {
    for (Block* block : blocks_) blocks_.get_allocator().delete_object(block);
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](std::size_t i) const { return (*blocks_[i / kItems])[i % kItems]; }
  void clear() { size_ = 0; }

  void push_back(const T& item) {
    if (size_ == blocks_.size() * kItems) {
      blocks_.push_back(nullptr);
      try {
        blocks_.back() = blocks_.get_allocator().template new_object<Block>();
      } catch (...) {
        blocks_.pop_back();
        throw;
      }
    }
    (*blocks_[size_ / kItems])[size_ % kItems] = item;
    ++size_;
  }

 private:
  static constexpr std::size_t kItems = 512;
  using Block = std::array<T, kItems>;

  std::pmr::vector<Block*> blocks_;
  std::size_t size_ = 0;
};

}  // namespace plimsoll::tokenizer
