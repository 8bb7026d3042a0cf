#pragma once

#include <cstdint>

namespace plimsoll {

/// FNV-1a, of numbers: tells things apart that are meant well.
class Digest {
 public:
  template <typename... Numbers>
  void add(Numbers... numbers) {
    (add_one(static_cast<std::uint64_t>(numbers)), ...);
  }
  std::uint64_t value() const { return value_; }

 private:
  void add_one(std::uint64_t number) {
    for (int byte = 0; byte < 8; ++byte) value_ = (value_ ^ ((number >> (8 * byte)) & 0xFFU)) * 0x100000001B3U;
  }

  std::uint64_t value_ = 0xCBF29CE484222325U;
};

}  // namespace plimsoll
