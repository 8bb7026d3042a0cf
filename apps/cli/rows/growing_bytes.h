#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace plimsoll::cli {

/// Bytes that grow at their end. A long one is not copied to grow: its pages are moved.
class GrowingBytes {
 public:
  /// False when there is no memory; nothing has changed then.
  bool append(std::string_view piece) {
    if (piece.empty()) return true;
    if (piece.size() > capacity_ - size_) {
      const std::size_t capacity = size_ + std::max(piece.size(), size_ / 4);
      auto* data = static_cast<char*>(std::realloc(data_.get(), capacity));
      if (data == nullptr) return false;
      (void)data_.release();
      data_.reset(data);
      capacity_ = capacity;
    }
    std::memcpy(data_.get() + size_, piece.data(), piece.size());
    size_ += piece.size();
    return true;
  }

  /// Forgets them; gives memory of more than `kept` bytes back.
  void clear(std::size_t kept) {
    if (capacity_ > kept) release();
    size_ = 0;
  }
  /// Gives the memory back.
  void release() {
    data_.reset();
    size_ = capacity_ = 0;
  }

  std::string_view view() const { return data_ == nullptr ? std::string_view("") : std::string_view(data_.get(), size_); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };

  std::unique_ptr<char, Free> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace plimsoll::cli
