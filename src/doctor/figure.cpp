#include "doctor/figure.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace plimsoll::doctor {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kKib = std::uint64_t{1} << 10U;
constexpr std::uint64_t kMib = std::uint64_t{1} << 20U;
constexpr std::uint64_t kGib = std::uint64_t{1} << 30U;

std::optional<std::uint64_t> unit_bytes(std::string_view unit) {
  if (unit.empty() || unit == "b" || unit == "byte" || unit == "bytes") return 1;
  const std::size_t power = std::string_view("kmgt").find(unit[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = unit.substr(1);
  if (!rest.empty() && rest != "b" && rest != "ib") return std::nullopt;
  return std::uint64_t{1} << (10U * (power + 1));
}

struct Number {
  Wide whole = 0;
  Wide fraction = 0;
  Wide scale = 1;
};

/// Whether the comma of "2,00" is a point: one that stands alone, with other than three digits behind it.
bool is_decimal_comma(std::string_view text) {
  const std::size_t comma = text.find(',');
  return comma != std::string_view::npos && comma == text.rfind(',') && text.find('.') == std::string_view::npos &&
         text.size() - comma != 4;
}

std::optional<Number> read_number(std::string_view text) {
  static constexpr std::uint64_t kFinest = 1'000'000'000;
  Number number;
  bool point = false;
  std::size_t digits = 0;
  const char mark = is_decimal_comma(text) ? ',' : '.';
  for (const char c : text) {
    if (c == ',' && mark != ',' && !point && digits > 0) continue;
    if (c == mark && !point && digits > 0) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    ++digits;
    const auto digit = static_cast<unsigned>(c - '0');
    if (!point) number.whole = number.whole * 10 + digit;
    else if (number.scale < kFinest) {
      number.fraction = number.fraction * 10 + digit;
      number.scale *= 10;
    }
    if (number.whole >= kNoSize) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  return number;
}

// Sizes below 0.1 GiB read better in MiB.
constexpr std::uint64_t kSmall = kGib / 10;

}  // namespace

std::optional<Figure> read_figure(std::string_view number, std::string_view unit) {
  const auto value = read_number(number);
  const auto scale = unit_bytes(unit);
  if (!value || !scale) return std::nullopt;
  const Wide said = value->whole * *scale + value->fraction * *scale / value->scale;
  if (said >= kNoSize) return std::nullopt;
  const auto bytes = static_cast<std::uint64_t>(said);
  if (value->scale == 1) return exactly(bytes);
  const auto half = static_cast<std::uint64_t>((*scale + value->scale) / (2 * value->scale));
  return Figure{Bytes{bytes}, Bytes{bytes - std::min(bytes, half)}, Bytes{bytes + half}};
}

Figure exactly(std::uint64_t bytes) { return {Bytes{bytes}, Bytes{bytes}, Bytes{bytes}}; }

Span span_of(const Figure& figure) { return {static_cast<std::int64_t>(figure.low.count), static_cast<std::int64_t>(figure.high.count)}; }

Span span_of(const std::optional<Figure>& figure) { return figure ? span_of(*figure) : Span{}; }

Figure figure_of(Span span) {
  const auto low = static_cast<std::uint64_t>(std::max<std::int64_t>(span.low, 0));
  const auto high = static_cast<std::uint64_t>(std::max<std::int64_t>(span.high, 0));
  return {Bytes{low + (high - low) / 2}, Bytes{low}, Bytes{high}};
}

std::string size_text(Bytes size) {
  const auto in = [&](std::uint64_t unit) { return static_cast<double>(size.count) / static_cast<double>(unit); };
  if (size.count < kKib) return fmt::format("{} bytes", size.count);
  if (size.count < kMib) return fmt::format("{:.2f} KiB", in(kKib));
  if (size.count < kSmall) return fmt::format("{:.2f} MiB", in(kMib));
  return fmt::format("{:.2f} GiB", in(kGib));
}

std::string span_text(Span span) {
  const Figure figure = figure_of(span);
  std::string low = size_text(figure.low);
  std::string high = size_text(figure.high);
  if (low == high) return high;
  const std::size_t unit = low.find(' ');
  if (low.substr(unit) == high.substr(high.find(' '))) low.resize(unit);
  return low + " to " + high;
}

}  // namespace plimsoll::doctor
