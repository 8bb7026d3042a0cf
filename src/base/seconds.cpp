#include <plimsoll/seconds.h>

#include <array>
#include <cstdio>

namespace plimsoll {

std::string format_seconds(double seconds) {
  std::array<char, 32> text{};
  const auto print = [&](const char* form, double value) { std::snprintf(text.data(), text.size(), form, value); };
  if (seconds >= 10) print("%.1f s", seconds);
  else if (seconds >= 0.1) print("%.2f s", seconds);
  else if (seconds >= 1e-4) print("%.2f ms", seconds * 1e3);
  else print("%.1f us", seconds * 1e6);
  return text.data();
}

}  // namespace plimsoll
