#include "device/sim/process_id.h"

#include <charconv>
#include <optional>

#include "device/sim/sim_values.h"

namespace plimsoll::sim {
namespace {

constexpr std::size_t kLongestStat = 4096;
constexpr int kStartField = 22;  // proc(5)

template <typename T>
bool read_number(std::string_view text, T& value) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

std::optional<Owner> parse_stat(std::string_view text) {
  Owner owner;
  // The command stands in parentheses and may hold blanks and parentheses of its own.
  const std::size_t command_end = text.rfind(") ");
  if (command_end == std::string_view::npos || !read_number(text.substr(0, text.find(' ')), owner.pid)) return std::nullopt;
  text.remove_prefix(command_end + 2);
  for (int field = 3; field < kStartField; ++field) take_until(text, ' ');
  if (!read_number(take_until(text, ' '), owner.start)) return std::nullopt;
  return owner;
}

}  // namespace

Result<Owner> this_process(Os& os) {
  const std::string path = "/proc/self/stat";
  const auto text = os.read_text(path, kLongestStat);
  if (!text.ok() && text.error().code == ErrorCode::not_found)
    return Error{ErrorCode::unsupported, "processes that share a device are told apart by /proc, and there is none", path,
                 "leave name= out: the device is then this process's own"};
  if (!text.ok()) return text.error();
  const auto owner = parse_stat(*text);
  if (!owner) return Error{ErrorCode::io, "cannot tell this process's number and start", path};
  return *owner;
}

std::string owner_file(const std::string& table, const Owner& owner) {
  return table + ".owner-" + std::to_string(owner.pid) + "-" + std::to_string(owner.start) + "-" + std::to_string(owner.heap);
}

bool is_alive(Os& os, const std::string& table, const Owner& owner) {
  const std::string path = owner_file(table, owner);
  if (!os.is_file(path)) return false;
  const auto lock = os.lock_file(path, std::chrono::milliseconds(0));
  if (lock.ok()) os.remove_file(path);
  return !lock.ok();
}

std::string command_of(Os& os, const Owner& owner) {
  const std::string folder = "/proc/" + std::to_string(owner.pid);
  const auto stat = os.read_text(folder + "/stat", kLongestStat);
  const auto found = stat.ok() ? parse_stat(*stat) : std::nullopt;
  if (!found || !found->same_process(owner)) return {};
  auto text = os.read_text(folder + "/comm", kLongestStat);
  if (!text.ok()) return {};
  if (text.value().ends_with('\n')) text.value().pop_back();
  return std::move(text).value();
}

}  // namespace plimsoll::sim
