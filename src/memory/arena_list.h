#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "memory/arena.h"

namespace plimsoll {

/// A list in an arena of its own that doubles as it grows, for counts that nobody knows beforehand. References are good until the next
/// growth. `os` and `ledger` must outlive it.
template <typename T>
class ArenaList {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 4096);

 public:
  /// Holds at most `limit` elements, whatever the ledger has. `what` says in errors what they are, and must outlive the list.
  ArenaList(Os& os, Ledger& ledger, MemoryTag tag, std::uint64_t limit, const char* what)
      : os_(&os), ledger_(&ledger), tag_(tag), limit_(limit), what_(what) {}

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  std::span<T> all() { return {data(), size_}; }
  std::span<const T> all() const { return {data(), size_}; }

  /// Fails with `unsupported` beyond the limit and with `out_of_memory`; then nothing changed.
  Status push_back(const T& value) {
    const T copy = value;  // may be an element of this list, which moves
    PLIMSOLL_CHECK(resize(size_ + 1));
    back() = copy;
    return {};
  }

  /// Makes it `size` elements long; new ones are zero bytes where no element ever was. Fails as push_back.
  Status resize(std::size_t size) {
    if (size > limit_) return Error{ErrorCode::unsupported, "more than " + std::to_string(limit_) + " " + what_};
    if (size > capacity()) PLIMSOLL_CHECK(grow(size));
    size_ = size;
    return {};
  }

  void pop_back() { --size_; }
  void shrink(std::size_t size) { size_ = size; }

 private:
  T* data() const { return reinterpret_cast<T*>(arena_.bytes().data()); }
  std::size_t capacity() const { return arena_.bytes().size() / sizeof(T); }

  Status grow(std::size_t size) {
    const Bytes wanted{std::min<std::uint64_t>(std::max(size, 2 * capacity()), limit_) * sizeof(T)};
    if (arena_.size().count != 0) return arena_.resize(wanted);
    PLIMSOLL_TRY(arena_, Arena::create(*os_, *ledger_, tag_, wanted));
    return {};
  }

  Os* os_;
  Ledger* ledger_;
  MemoryTag tag_;
  std::uint64_t limit_;
  const char* what_;
  Arena arena_;
  std::size_t size_ = 0;
};

}  // namespace plimsoll
