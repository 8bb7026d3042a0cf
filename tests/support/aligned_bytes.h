#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>

#include <plimsoll/os.h>

namespace plimsoll::testing {

/// Memory for direct reads, shared so that a thread that is left behind can keep it; filled with a pattern.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::size_t size) : size_(size), memory_(allocate(size), &free_aligned) { std::memset(memory_.get(), 0xa5, size); }

  std::span<std::byte> bytes() const { return {memory_.get(), size_}; }
  std::shared_ptr<void> owner() const { return memory_; }

 private:
  static std::byte* allocate(std::size_t size) { return static_cast<std::byte*>(::operator new (size, std::align_val_t{kDirectBlock})); }
  static void free_aligned(std::byte* memory) { ::operator delete (memory, std::align_val_t{kDirectBlock}); }

  std::size_t size_;
  std::shared_ptr<std::byte> memory_;
};

inline std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Text in which no two blocks, nor two places of one block, are alike.
inline std::string varied_text(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 12345;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return text;
}

}  // namespace plimsoll::testing
