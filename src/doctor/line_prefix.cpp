#include "doctor/line_prefix.h"

#include <algorithm>
#include <array>

#include "base/letters.h"

namespace plimsoll::doctor {
namespace {

constexpr std::size_t kLongestPart = 64;
constexpr int kMostParts = 6;

bool is_word(char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '_' || c == '.'; }

struct Part {
  std::size_t size = 0;  ///< 0: there is none
  std::string_view writer = {};
  bool vague = false;  ///< a rank behind it says more of the writer
};

std::size_t blanks(std::string_view text) { return std::min(text.size(), text.find_first_not_of(' ')); }

/// "[ 1234.567890]": a time of the kernel's.
bool is_kernel_time(std::string_view inside) {
  const std::string_view number = inside.substr(blanks(inside));
  const std::size_t point = number.find('.');
  const auto digits = [](std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); };
  return point != std::string_view::npos && digits(number.substr(0, point)) && digits(number.substr(point + 1));
}

/// "[rank6]: ", "[3]: ", "[default3]:", "[1,3]<stderr>:", "[core.py:708] ", "[INFO] ".
Part bracketed(std::string_view text) {
  const std::size_t close = text.substr(0, kLongestPart).find(']');
  if (close == std::string_view::npos || close < 2) return {};
  const std::string_view inside = text.substr(1, close - 1);
  const std::string_view rest = text.substr(close + 1);
  const std::size_t stream = rest.starts_with("<stderr>:") || rest.starts_with("<stdout>:") ? 9 : 0;
  if (is_kernel_time(inside)) return {close + 1};
  if (rest.starts_with(": ") && inside.size() <= 5 && std::ranges::all_of(inside, is_digit)) return {close + 2, inside};
  // A list of numbers is a shape, and part of a message.
  if (stream == 0 && !is_letter(inside[0])) return {};
  if (stream == 0 && inside.find_first_of(",\"'=") != std::string_view::npos) return {};
  const bool names = stream > 0 || (is_digit(inside.back()) && inside.find_first_of(".:/ ") == std::string_view::npos);
  std::size_t size = close + 1 + stream;
  if (stream == 0 && rest.starts_with(':')) ++size;
  return {size, names ? inside : std::string_view()};
}

/// "(EngineCore pid=71) ", "(RayWorker pid=71, ip=10.0.0.2) ".
Part in_parentheses(std::string_view text) {
  const std::size_t close = text.substr(0, kLongestPart).find(')');
  if (close == std::string_view::npos || text.substr(0, close).find("pid=") == std::string_view::npos) return {};
  return {close + 1, text.substr(1, close - 1)};
}

/// "2024-05-31T04:40:47.123Z ", "10-25 ", "13:08:43,708 ".
Part time(std::string_view text) {
  std::size_t size = 0;
  std::size_t colons = 0;
  std::size_t dashes = 0;
  bool point = false;
  while (size < std::min(text.size(), kLongestPart)) {
    const char c = text[size];
    if (c == ':') ++colons;
    else if (c == '-' || c == '/') ++dashes;
    else if (c == '.') point = true;
    else if (!is_digit(c) && c != ',' && c != 'T' && c != 'Z' && c != '+') break;
    ++size;
  }
  if (size < 5 || size == text.size() || text[size] != ' ') return {};
  // "15.32/22.04 GiB" is none.
  return colons > 0 || (dashes > 0 && !point) ? Part{size} : Part{};
}

std::size_t word_size(std::string_view text) {
  std::size_t size = 0;
  while (size < std::min(text.size(), kLongestPart) && is_word(text[size])) ++size;
  return size;
}

/// "trainer[4411]:", "kernel:"; without the number only where `any`.
Part tag(std::string_view text, bool any) {
  std::size_t size = word_size(text);
  if (size == 0) return {};
  const std::string_view name = text.substr(0, size);
  if (text.substr(size).starts_with("[")) {
    const std::size_t close = text.substr(0, size + 16).find(']', size);
    if (close == std::string_view::npos || close == size + 1) return {};
    if (!std::ranges::all_of(text.substr(size + 1, close - size - 1), is_digit)) return {};
    size = close + 1;
  } else if (!any && name != "kernel") {
    return {};
  }
  if (!text.substr(size).starts_with(": ")) return {};
  return {size + 1, size > name.size() ? text.substr(0, size) : std::string_view(), true};
}

/// "gpu01 trainer[4411]:", behind a time.
Part host_and_tag(std::string_view text, bool any) {
  const std::size_t host = word_size(text);
  if (host == 0 || host == text.size() || text[host] != ' ') return {};
  Part part = tag(text.substr(host + 1), any);
  if (part.size > 0) part.size += host + 1;
  return part;
}

/// "Nov  2 08:15:43 gpu01 trainer[4411]:".
Part syslog(std::string_view text) {
  static constexpr std::string_view kMonths = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
  static constexpr std::size_t kTime = 16;  // "Nov  2 08:15:43 "
  if (text.size() <= kTime || text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':' || text[15] != ' ') return {};
  const std::size_t month = kMonths.find(text.substr(0, 3));
  if (month == std::string_view::npos || month % 4 != 0 || !is_digit(text[5]) || !is_digit(text[7])) return {};
  Part part = host_and_tag(text.substr(kTime), true);
  if (part.size > 0) part.size += kTime;
  return part;
}

/// "rank3:".
Part rank_name(std::string_view text) {
  static constexpr std::array<std::string_view, 3> kNames = {"rank", "worker", "local_rank"};
  const std::size_t size = word_size(text);
  const std::string_view name = text.substr(0, size);
  const std::size_t letters = std::min(size, name.find_first_of("0123456789"));
  const bool number = letters < size && std::ranges::all_of(name.substr(letters), is_digit);
  if (!number || !text.substr(size).starts_with(": ") || std::ranges::find(kNames, name.substr(0, letters)) == kNames.end()) return {};
  return {size + 1, name};
}

/// "INFO ", "ERROR: ", "worker-1  | ", "core.py:708] ", "12: ", "stderr F " (containers; P: the line goes on in the next).
Part word(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kLevels = {"INFO", "ERROR", "WARNING", "WARN", "DEBUG", "CRITICAL", "FATAL", "TRACE"};
  const std::size_t size = word_size(text);
  const std::string_view name = text.substr(0, size);
  const std::string_view rest = text.substr(size);
  if ((name == "stderr" || name == "stdout") && (rest.starts_with(" F ") || rest.starts_with(" P "))) return {size + 2};
  if (std::ranges::find(kLevels, name) != kLevels.end()) return {size + (rest.starts_with(':') ? 1 : 0)};
  const std::size_t gap = blanks(rest);
  if (gap > 0 && rest.substr(gap).starts_with("| ")) return {size + gap + 1, name};
  const bool number = !name.empty() && std::ranges::all_of(name, is_digit);
  if (number && size <= 5 && rest.starts_with(": ")) return {size + 1, name};
  if (!name.ends_with(".py") || !rest.starts_with(':')) return {};
  std::size_t digits = 1;
  while (digits < rest.size() && is_digit(rest[digits])) ++digits;
  return digits < rest.size() && rest[digits] == ']' ? Part{size + digits + 1} : Part{};
}

/// Whether `line` ends in what is numbered.
bool lacks_number(std::string_view line) {
  static constexpr std::array<std::string_view, 6> kNumbered = {"device", "GPU", "gpu", "rank", "node", "process"};
  line = line.substr(0, line.find_last_not_of(' ') + 1);
  return std::ranges::find(kNumbered, line.substr(line.find_last_of(' ') + 1)) != kNumbered.end();
}

bool begins_with_number(std::string_view line) {
  const std::size_t digits = std::min(line.size(), line.find_first_not_of("0123456789"));
  return digits > 0 && line.substr(digits).starts_with(": ");
}

Part next_part(std::string_view text) {
  switch (text[0]) {
    case '[': return bracketed(text);
    case '(': return in_parentheses(text);
    default: break;
  }
  for (const auto& find : {syslog, rank_name}) {
    if (const Part part = find(text); part.size > 0) return part;
  }
  Part part = is_digit(text[0]) ? time(text) : Part{};
  if (part.size == 0) return word(text);
  const Part host = host_and_tag(text.substr(part.size + 1), false);
  return host.size > 0 ? Part{part.size + 1 + host.size, host.writer, true} : part;
}

}  // namespace

LinePrefix find_prefix(std::string_view line, std::string_view above) {
  LinePrefix prefix;
  if (begins_with_number(line) && lacks_number(above)) return prefix;
  bool vague = false;
  for (int parts = 0; parts < kMostParts; ++parts) {
    const std::string_view rest = line.substr(prefix.size);
    if (rest.empty()) break;
    const Part part = next_part(rest);
    if (part.size == 0) break;
    if (prefix.writer.empty() || (vague && !part.writer.empty())) {
      prefix.writer = part.writer;
      vague = part.vague;
    }
    prefix.size += part.size;
    // What is indented behind the prefix stays so.
    if (prefix.size < line.size() && line[prefix.size] == ' ') ++prefix.size;
  }
  return prefix;
}

}  // namespace plimsoll::doctor
