#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/doctor.h>

namespace plimsoll::doctor {

/// From here on a number of bytes is none: it stands for "unknown" or "no limit", or was computed wrongly. Sums of thousands of smaller
/// ones do not overflow.
inline constexpr std::uint64_t kNoSize = std::uint64_t{1} << 50U;

/// `number` is digits with at most one point and with commas between thousands, or with a comma for the point; `unit` is "", "b", "bytes",
/// or one of k, m, g, t with "", "b" or "ib" behind it, in lower case. All count in 1024s: that is what the programs that write "GB" here
/// mean. Digits behind the point are the log's rounding; a number without them is exact. Nothing when it is no number or not below kNoSize.
std::optional<Figure> read_figure(std::string_view number, std::string_view unit);

Figure exactly(std::uint64_t bytes);
/// What was counted from a configuration: good to hundredths of a GiB.
Figure roughly(Bytes size);

/// What is known of a sum or difference of figures: it may be less than zero.
struct Span {
  std::int64_t low = 0;
  std::int64_t high = 0;

  friend Span operator+(Span a, Span b) { return {a.low + b.low, a.high + b.high}; }
  friend Span operator-(Span a, Span b) { return {a.low - b.high, a.high - b.low}; }
};
Span span_of(const Figure& figure);
/// Zero where there is no figure.
Span span_of(const std::optional<Figure>& figure);
/// Never below zero.
Figure figure_of(Span span);
/// Of `parts` equal ones; nothing of nothing.
std::optional<Figure> part_of(const std::optional<Figure>& figure, std::uint64_t parts);

inline bool surely_at_least(Span a, Span b) { return a.low >= b.high; }
inline bool perhaps_at_least(Span a, Span b) { return a.high >= b.low; }
inline bool surely_above(Span a, Span b) { return a.low > b.high; }

/// "0.49 to 0.51 GiB", or one size where both ends read alike.
std::string span_text(Span span);

}  // namespace plimsoll::doctor
