#include "probe/fields.h"

#include <charconv>

#include "base/checked.h"

namespace plimsoll::probe {

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  text = trimmed(text);
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) pieces.push_back(text);
  }
  return pieces;
}

std::optional<std::string_view> find_field(std::string_view table, std::string_view key) {
  while (!table.empty()) {
    const std::size_t end = table.find('\n');
    const std::string_view line = table.substr(0, end);
    table.remove_prefix(end == std::string_view::npos ? table.size() : end + 1);
    if (!line.starts_with(key)) continue;
    // "model name\t: x" is not a line of "model", although a blank follows the word.
    std::size_t mark = line.find(':');
    if (mark == std::string_view::npos) mark = line.find_first_of(" \t");
    if (mark != std::string_view::npos && trimmed(line.substr(0, mark)) == key) return trimmed(line.substr(mark + 1));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> find_number(std::string_view table, std::string_view key) {
  const auto field = find_field(table, key);
  if (!field) return std::nullopt;
  std::string_view digits = *field;
  std::uint64_t unit = 1;
  if (digits.ends_with(" kB")) {
    digits.remove_suffix(3);
    unit = 1024;
  }
  const auto number = parse_number(digits);
  return number ? checked_mul(*number, unit) : std::nullopt;
}

Bytes find_bytes(std::string_view table, std::string_view key) { return Bytes{find_number(table, key).value_or(0)}; }

std::string unescaped(std::string_view field) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string out;
  while (!field.empty()) {
    if (field.size() >= 4 && field[0] == '\\' && is_octal(field[1]) && is_octal(field[2]) && is_octal(field[3])) {
      out += static_cast<char>((field[1] - '0') * 64 + (field[2] - '0') * 8 + (field[3] - '0'));
      field.remove_prefix(4);
    } else {
      out += field[0];
      field.remove_prefix(1);
    }
  }
  return out;
}

std::vector<int> parse_cpu_list(std::string_view text) {
  static constexpr std::uint64_t kMostCpus = 65536;
  std::vector<int> cpus;
  for (const std::string_view range : split(trimmed(text), ',')) {
    const std::size_t dash = range.find('-');
    const auto first = parse_number(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(range.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMostCpus) return {};
    for (std::uint64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
    if (cpus.size() > kMostCpus) return {};
  }
  return cpus;
}

}  // namespace plimsoll::probe
