#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include "base/utf8.h"
#include "tokenizer/parts/char_stage.h"

namespace plimsoll::tokenizer {

/// Points that are held back, packed: as their UTF-8 where positions go up by one, so that a stretch of text takes no more than
/// its own bytes; one byte more where a position is repeated or some are left out. Grows by blocks, which are never moved, so
/// that it takes no more also from a resource that never reuses memory. `clear` keeps the blocks.
class CharList {
 public:
  class Cursor;

  explicit CharList(std::pmr::memory_resource* memory) : allocator_(memory) {}
  CharList(const CharList&) = delete;
  CharList& operator=(const CharList&) = delete;
  ~CharList() {
    while (first_ != nullptr) {
      Block* next = first_->next;
      allocator_.delete_object(first_);
      first_ = next;
    }
  }

  bool empty() const { return last_ == nullptr; }

  /// `c.point` is a scalar value, and `c.at` not less than that of the one before.
  void push_back(Char c) {
    std::uint32_t step = c.at - previous_;
    previous_ = c.at;
    if (step != 1) {
      do put(static_cast<unsigned char>(kDigit | (step % kDigits)));
      while ((step /= kDigits) != 0);
    }
    std::array<char, 4> utf8{};
    const std::size_t size = utf8::encode(c.point, utf8.data());
    for (std::size_t i = 0; i < size; ++i) put(static_cast<unsigned char>(utf8[i]));
  }

  void clear() {
    last_ = nullptr;
    used_ = kBlockBytes;
    previous_ = kBeforeAll;
  }

 private:
  // A byte that never begins a sequence of UTF-8 is a digit of a step other than one, the lowest first.
  static constexpr unsigned kDigit = 0x80;
  static constexpr unsigned kDigits = 64;
  static constexpr std::uint32_t kBeforeAll = 0xFFFFFFFF;
  static constexpr std::size_t kBlockBytes = 504;

  struct Block {
    Block* next = nullptr;
    std::array<unsigned char, kBlockBytes> bytes;
  };

  void put(unsigned char byte) {
    if (used_ == kBlockBytes) grow();
    last_->bytes[used_++] = byte;
  }

  void grow() {
    Block*& place = last_ == nullptr ? first_ : last_->next;
    if (place == nullptr) place = allocator_.new_object<Block>();
    last_ = place;
    used_ = 0;
  }

  std::pmr::polymorphic_allocator<> allocator_;
  Block* first_ = nullptr;
  Block* last_ = nullptr;  // null: empty
  std::size_t used_ = kBlockBytes;
  std::uint32_t previous_ = kBeforeAll;
};

/// Reads a list from its beginning. The list is not changed meanwhile.
class CharList::Cursor {
 public:
  explicit Cursor(const CharList& list) : block_(list.empty() ? nullptr : list.first_), last_(list.last_), used_(list.used_) {}

  /// False at the end.
  bool next(Char& c) {
    if (block_ == last_ && (block_ == nullptr || at_ == used_)) return false;
    unsigned byte = get();
    std::uint32_t step = 1;
    if ((byte & 0xC0U) == kDigit) {
      step = 0;
      for (unsigned shift = 0; (byte & 0xC0U) == kDigit; shift += std::bit_width(kDigits - 1)) {
        step |= (byte & (kDigits - 1)) << shift;
        byte = get();
      }
    }
    previous_ += step;
    c = {byte < 0x80U ? static_cast<char32_t>(byte) : rest_of(byte), previous_};
    return true;
  }

 private:
  unsigned get() {
    if (at_ == kBlockBytes) {
      block_ = block_->next;
      at_ = 0;
    }
    return block_->bytes[at_++];
  }

  char32_t rest_of(unsigned lead) {
    const int size = std::countl_one(static_cast<unsigned char>(lead));
    char32_t point = lead & (0x7FU >> static_cast<unsigned>(size));
    for (int i = 1; i < size; ++i) point = (point << 6U) | (get() & 0x3FU);
    return point;
  }

  const Block* block_;
  const Block* last_;
  std::size_t used_;
  std::size_t at_ = 0;
  std::uint32_t previous_ = kBeforeAll;
};

}  // namespace plimsoll::tokenizer
