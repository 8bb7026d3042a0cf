#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace plimsoll {

/// A number of bytes. A strong type, so that it is never mixed up with tokens or elements. Sums and products of
/// sizes that come from files go through `checked_add` and `checked_mul` (base/checked.h) first.
struct Bytes {
  std::uint64_t count = 0;

  friend constexpr auto operator<=>(const Bytes&, const Bytes&) = default;
  constexpr Bytes& operator+=(Bytes other) {
    count += other.count;
    return *this;
  }
  constexpr Bytes& operator-=(Bytes other) {
    count -= other.count;
    return *this;
  }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes{a.count + b.count}; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return Bytes{a.count - b.count}; }
  friend constexpr Bytes operator*(Bytes a, std::uint64_t n) { return Bytes{a.count * n}; }
};

constexpr Bytes kib(std::uint64_t n) { return Bytes{n << 10}; }
constexpr Bytes mib(std::uint64_t n) { return Bytes{n << 20}; }

/// Every arena and every total is a multiple of this.
inline constexpr Bytes kPage = kib(4);

/// `size` rounded up to whole pages.
constexpr Bytes round_to_pages(Bytes size) { return Bytes{(size.count + kPage.count - 1) / kPage.count * kPage.count}; }

/// a - b, or zero where b is larger.
constexpr Bytes saturating_sub(Bytes a, Bytes b) { return a > b ? a - b : Bytes{0}; }

/// Reads "512MiB", "11.17GiB", "10GB", "4096" or "64K"; spaces are refused. Decimals are rounded down to a byte.
/// KiB/MiB/GiB/TiB are powers of 1024, KB/MB/GB/TB of 1000; a bare K/M/G/T is a power of 1024. Empty when `text`
/// is none of these or does not fit 63 bits.
std::optional<Bytes> parse_bytes(std::string_view text);

/// "1.25 GiB", "64.0 MiB", "812 B": three significant digits, for people.
std::string format_bytes(Bytes size);

/// "1342177280 (1.25 GiB)" is too long for a table: this gives an exact flag value such as "65536KiB" or a plain
/// number of bytes, so that it can be pasted behind `--max-memory`.
std::string format_exact(Bytes size);

}  // namespace plimsoll

#pragma GCC visibility pop
