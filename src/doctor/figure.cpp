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

struct Unit {
  std::uint64_t bytes;
  std::string_view name;
};
constexpr std::array<Unit, 4> kTextUnits = {{{1, "bytes"}, {kKib, "KiB"}, {kMib, "MiB"}, {kGib, "GiB"}}};

const Unit& unit_of(Bytes size) {
  const auto above = std::ranges::find_if(kTextUnits, [&](const Unit& unit) { return unit.bytes > size.count; });
  return above == kTextUnits.begin() ? kTextUnits.front() : *std::prev(above);
}

// What is known to hundredths of a GiB only reads in GiB, down to where these say nothing.
const Unit& unit_of(const Figure& figure) {
  const bool rough = figure.high.count - figure.low.count >= kMib;
  return rough && figure.said.count >= kGib / 10 ? kTextUnits.back() : unit_of(figure.said);
}

std::string count_in(Bytes size, const Unit& unit) {
  if (unit.bytes == 1) return fmt::format("{}", size.count);
  return fmt::format("{:.2f}", static_cast<double>(size.count) / static_cast<double>(unit.bytes));
}

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

Figure roughly(Bytes size) {
  static constexpr Bytes kHalf{kGib / 200};
  return {size, saturating_sub(size, kHalf), size + kHalf};
}

Span span_of(const Figure& figure) { return {static_cast<std::int64_t>(figure.low.count), static_cast<std::int64_t>(figure.high.count)}; }

Span span_of(const std::optional<Figure>& figure) { return figure ? span_of(*figure) : Span{}; }

Figure figure_of(Span span) {
  const auto low = static_cast<std::uint64_t>(std::max<std::int64_t>(span.low, 0));
  const auto high = static_cast<std::uint64_t>(std::max<std::int64_t>(span.high, 0));
  return {Bytes{low + (high - low) / 2}, Bytes{low}, Bytes{high}};
}

std::optional<Figure> part_of(const std::optional<Figure>& figure, std::uint64_t parts) {
  if (!figure) return std::nullopt;
  return Figure{Bytes{figure->said.count / parts}, Bytes{figure->low.count / parts}, Bytes{figure->high.count / parts}};
}

std::string size_text(Bytes size) { return size_text(exactly(size.count)); }

std::string size_text(const Figure& figure) {
  const Unit& unit = unit_of(figure);
  return fmt::format("{} {}", count_in(figure.said, unit), unit.name);
}

std::string span_text(Span span) {
  const Figure figure = figure_of(span);
  const Unit& unit = unit_of(figure);
  const std::string low = count_in(figure.low, unit);
  const std::string high = count_in(figure.high, unit);
  return fmt::format("{}{}{} {}", low == high ? "" : low, low == high ? "" : " to ", high, unit.name);
}

}  // namespace plimsoll::doctor
