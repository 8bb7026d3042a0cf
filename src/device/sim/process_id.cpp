#include "device/sim/process_id.h"

#include <charconv>
#include <optional>

#include "device/sim/sim_values.h"

namespace plimsoll::sim {
namespace {

constexpr std::size_t kLongestStat = 4096;
constexpr int kStartField = 22;  // proc(5)

struct Stat {
  Owner owner;
  char state = '?';
};

template <typename T>
bool read_number(std::string_view text, T& value) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

std::optional<Stat> parse_stat(std::string_view text) {
  Stat stat;
  // The command stands in parentheses and may hold blanks and parentheses of its own.
  const std::size_t command_end = text.rfind(") ");
  if (command_end == std::string_view::npos || !read_number(text.substr(0, text.find(' ')), stat.owner.pid)) return std::nullopt;
  text.remove_prefix(command_end + 2);
  stat.state = text.empty() ? '?' : text.front();
  for (int field = 3; field < kStartField; ++field) take_until(text, ' ');
  if (!read_number(take_until(text, ' '), stat.owner.start)) return std::nullopt;
  return stat;
}

}  // namespace

Result<Owner> this_process(Os& os) {
  const std::string path = "/proc/self/stat";
  const auto text = os.read_text(path, kLongestStat);
  if (!text.ok() && text.error().code == ErrorCode::not_found)
    return Error{ErrorCode::unsupported, "processes that share a device are told apart by /proc, and there is none", path,
                 "leave name= out: the device is then this process's own"};
  if (!text.ok()) return text.error();
  const auto stat = parse_stat(*text);
  if (!stat) return Error{ErrorCode::io, "cannot tell this process's number and start", path};
  return stat->owner;
}

bool is_running(Os& os, const Owner& owner) {
  const auto text = os.read_text("/proc/" + std::to_string(owner.pid) + "/stat", kLongestStat);
  if (!text.ok()) return text.error().code != ErrorCode::not_found;
  const auto stat = parse_stat(text.value());
  return !stat || (stat->owner.same_process(owner) && stat->state != 'Z' && stat->state != 'X');
}

std::string command_of(Os& os, std::int64_t pid) {
  auto text = os.read_text("/proc/" + std::to_string(pid) + "/comm", kLongestStat);
  if (!text.ok()) return {};
  if (text.value().ends_with('\n')) text.value().pop_back();
  return std::move(text).value();
}

}  // namespace plimsoll::sim
