#include "device/sim/sim_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <plimsoll/bytes.h>

namespace plimsoll::sim {
namespace {

constexpr double kLargestNumber = 1e15;
constexpr double kLongestSeconds = 3600;

struct Unit {
  std::string_view name;
  double size;
};

constexpr std::array kFlopRates = {Unit{"FLOP/s", 1},    Unit{"KFLOP/s", 1e3},  Unit{"MFLOP/s", 1e6},
                                   Unit{"GFLOP/s", 1e9}, Unit{"TFLOP/s", 1e12}, Unit{"PFLOP/s", 1e15}};
constexpr std::array kTimes = {Unit{"ns", 1e-9}, Unit{"us", 1e-6}, Unit{"ms", 1e-3}, Unit{"s", 1}};

/// The number before one of `units`, which are all that may follow it, times that unit.
template <std::size_t N>
std::optional<double> parse_with_unit(std::string_view text, const std::array<Unit, N>& units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = parse_number(text.substr(0, digits));
  for (const Unit& unit : units) {
    if (number && unit.name == text.substr(digits)) return *number * unit.size;
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  const bool plain =
      !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos && text.front() != '.' && text.back() != '.';
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (!plain || failure != std::errc() || end != text.data() + text.size() || value > kLargestNumber) return std::nullopt;
  return value;
}

std::optional<double> parse_byte_rate(std::string_view text) {
  if (!text.ends_with("/s")) return std::nullopt;
  const auto bytes = parse_bytes(text.substr(0, text.size() - 2));
  if (!bytes || bytes->count == 0) return std::nullopt;
  return static_cast<double>(bytes->count);
}

std::optional<double> parse_flop_rate(std::string_view text) {
  const auto rate = parse_with_unit(text, kFlopRates);
  return rate && *rate > 0 ? rate : std::nullopt;
}

std::optional<double> parse_seconds(std::string_view text) {
  if (text == "0") return 0.0;
  const auto seconds = parse_with_unit(text, kTimes);
  return seconds && *seconds <= kLongestSeconds ? seconds : std::nullopt;
}

std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

}  // namespace plimsoll::sim
