#pragma once

#include <array>
#include <charconv>
#include <string>

namespace plimsoll {

/// A number with so many decimals, and a point before them whatever the program's locale is.
inline std::string decimal(double value, int decimals) {
  std::array<char, 352> text{};  // of the largest with 40 decimals
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals).ptr;
  return {text.data(), end};
}

/// The shortest text that is this number, whatever the program's locale is: "1e-12".
inline std::string shortest(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace plimsoll
