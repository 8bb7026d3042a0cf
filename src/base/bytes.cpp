#include <plimsoll/bytes.h>

#include <array>
#include <string>

#include "base/decimal.h"
#include "base/letters.h"

namespace plimsoll {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kLargest = ~std::uint64_t{0} >> 1U;

char upper_case(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::optional<std::uint64_t> unit_size(std::string_view unit) {
  if (unit.empty() || unit == "B") return 1;
  std::string upper;
  for (const char c : unit) upper += upper_case(c);
  const std::size_t power = std::string_view("KMGT").find(upper[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = std::string_view(upper).substr(1);
  if (!rest.empty() && rest != "B" && rest != "IB") return std::nullopt;
  std::uint64_t size = 1;
  for (std::size_t i = 0; i <= power; ++i) size *= rest == "B" ? 1000 : 1024;
  return size;
}

}  // namespace

std::optional<Bytes> parse_bytes(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && (is_digit(text[digits]) || text[digits] == '.')) ++digits;
  const std::string_view number = text.substr(0, digits);
  const auto unit = unit_size(text.substr(digits));
  if (!unit || number.empty() || number.front() == '.' || number.back() == '.') return std::nullopt;

  // Exact decimal arithmetic: whole * unit + fraction * unit / 10^n, rounded down.
  Wide whole = 0;
  Wide fraction = 0;
  Wide scale = 1;
  bool after_point = false;
  for (const char c : number) {
    if (c == '.') {
      if (after_point) return std::nullopt;
      after_point = true;
      continue;
    }
    const auto digit = static_cast<unsigned>(c - '0');
    if (!after_point) whole = whole * 10 + digit;
    else if (scale < 1'000'000'000'000'000ULL) {
      fraction = fraction * 10 + digit;
      scale *= 10;
    }
    if (whole > kLargest) return std::nullopt;
  }
  const Wide total = whole * *unit + fraction * *unit / scale;
  if (total > kLargest) return std::nullopt;
  return Bytes{static_cast<std::uint64_t>(total)};
}

std::string format_bytes(Bytes size) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(size.count);
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return decimal(value, decimals) + " " + kUnits[unit];
}

std::string format_exact(Bytes size) {
  if (size.count == 0) return "0";
  if (size.count % (1U << 20U) == 0) return std::to_string(size.count >> 20U) + "MiB";
  if (size.count % (1U << 10U) == 0) return std::to_string(size.count >> 10U) + "KiB";
  return std::to_string(size.count);
}

}  // namespace plimsoll
