#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/bytes.h>

/// Readers of the small texts that the kernel writes. All views point into the text that they were given.
namespace plimsoll::probe {

/// No file of /proc or of a cgroup that is read here is longer; longer ones are taken as absent.
inline constexpr std::size_t kLargestTable = std::size_t{4} << 20U;

/// `text` without blanks and line ends around it.
std::string_view trimmed(std::string_view text);

/// A decimal number, blanks around it allowed. Nothing for signs, other characters or more than 64 bits.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// The pieces between separators; empty pieces are kept, except that an empty text has none.
std::vector<std::string_view> split(std::string_view text, char separator);

/// The value beside `key` in a table of lines "key value" or "key:  value": trimmed, or nothing. The first of several counts.
std::optional<std::string_view> find_field(std::string_view table, std::string_view key);

/// The same as a number; "123 kB" is 123 * 1024.
std::optional<std::uint64_t> find_number(std::string_view table, std::string_view key);

/// The same as bytes, zero where there is none.
Bytes find_bytes(std::string_view table, std::string_view key);

/// A field of mountinfo, which writes blanks and backslashes as \ooo, as it is meant.
std::string unescaped(std::string_view field);

/// The processors of a list such as "0-3,8"; empty when it makes no sense or names more than 65536.
std::vector<int> parse_cpu_list(std::string_view text);

}  // namespace plimsoll::probe
