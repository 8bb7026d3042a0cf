#include <algorithm>

#include <plimsoll/machine.h>

#include "probe/fields.h"

namespace plimsoll {
namespace {

using probe::find_bytes;
using probe::find_field;
using probe::find_number;
using probe::kLargestTable;
using probe::parse_number;
using probe::split;

struct Process {
  std::uint64_t pid = 0;
  std::string status;
  Bytes anonymous;
};

// Only the first of the four ids, the real one, names the user.
std::string user_of(Os& os, std::string_view status) {
  const auto ids = split(find_field(status, "Uid").value_or("?"), '\t');
  std::string uid = printable(ids.empty() ? "?" : ids[0], 20);
  const auto passwd = os.read_text("/etc/passwd", kLargestTable);
  if (!passwd.ok()) return uid;
  for (const std::string_view line : split(*passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() > 2 && fields[2] == uid) return printable(fields[0], 32);
  }
  return uid;
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string command_of(Os& os, const Process& process) {
  const auto line = os.read_text("/proc/" + std::to_string(process.pid) + "/cmdline", kLargestTable);
  const auto words = line.ok() ? split(*line, '\0') : std::vector<std::string_view>();
  if (words.empty() || words[0].empty()) return printable(find_field(process.status, "Name").value_or("?"), 60);
  std::string command(file_name(words[0]));
  if (words.size() > 1 && !words[1].empty() && words[1][0] != '-') command += " " + std::string(file_name(words[1]));
  return printable(command, 60);
}

}  // namespace

std::vector<Holder> find_largest_holders(Os& os, std::size_t count) {
  const auto self_status = os.read_text("/proc/self/status", kLargestTable);
  const auto self = self_status.ok() ? find_number(*self_status, "Pid") : std::nullopt;

  std::vector<Process> largest;
  for (const std::string& name : os.list_directory("/proc")) {
    const auto pid = parse_number(name);
    if (!pid || pid == self) continue;
    auto status = os.read_text("/proc/" + name + "/status", kLargestTable);
    if (!status.ok()) continue;
    const Bytes anonymous = find_bytes(*status, "RssAnon");
    if (anonymous.count == 0) continue;
    largest.push_back({*pid, std::move(*status), anonymous});
    std::stable_sort(largest.begin(), largest.end(), [](const Process& a, const Process& b) { return a.anonymous > b.anonymous; });
    if (largest.size() > count) largest.pop_back();
  }

  std::vector<Holder> holders;
  holders.reserve(largest.size());
  for (const Process& process : largest) {
    holders.push_back({static_cast<std::int64_t>(process.pid), user_of(os, process.status), command_of(os, process), process.anonymous});
  }
  return holders;
}

}  // namespace plimsoll
