#pragma once

#include <optional>
#include <string_view>

namespace plimsoll::sim {

/// "12GB/s" or "1.5GiB/s" in bytes a second: a size as parse_bytes reads it, then "/s". More than zero.
std::optional<double> parse_byte_rate(std::string_view text);

/// "1TFLOP/s", "300GFLOP/s", "20MFLOP/s": operations a second, powers of 1000. More than zero.
std::optional<double> parse_flop_rate(std::string_view text);

/// "10us", "1.5ms", "200ns", "2s" or "0", in seconds; at most an hour.
std::optional<double> parse_seconds(std::string_view text);

/// A decimal number without sign or exponent: "10", "0.5". At most 10^15.
std::optional<double> parse_number(std::string_view text);

/// Cuts `text` at its first `mark` and gives what stood before it; all of it where there is none.
std::string_view take_until(std::string_view& text, char mark);

}  // namespace plimsoll::sim
