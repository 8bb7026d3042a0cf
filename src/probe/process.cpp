#include "probe/process.h"

#include <algorithm>
#include <optional>

#include <plimsoll/machine.h>

#include "probe/fields.h"
#include "probe/limited_processes.h"
#include "probe/lines.h"

namespace plimsoll {
namespace probe {
namespace {

constexpr std::size_t kShownId = 12;
constexpr std::size_t kIdLength = 64;
constexpr int kStartField = 22;  // proc(5)

// Only the first of the four ids, the real one, names the user.
std::string_view user_id(std::string_view status) {
  const auto ids = split(find_field(status, "Uid").value_or(""), '\t');
  return ids.empty() ? std::string_view() : ids[0];
}

std::string user_name(Os& os, std::string_view id) {
  if (id.empty()) return {};
  std::string name;
  const Status read = for_each_line(os, "/etc/passwd", [&](std::string_view line) {
    const auto fields = split(line, ':');
    if (name.empty() && fields.size() > 2 && fields[2] == id) name = printable(fields[0], 32);
  });
  return read.ok() && !name.empty() ? name : printable(id, 20);
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string command_of(Os& os, const std::string& folder, std::string_view status) {
  const auto line = os.read_text(folder + "/cmdline", kLargestTable);
  const auto words = line.ok() ? split(*line, '\0') : std::vector<std::string_view>();
  if (words.empty() || words[0].empty()) return printable(find_field(status, "Name").value_or("?"), 60);
  std::string command(file_name(words[0]));
  if (words.size() > 1 && !words[1].empty() && words[1][0] != '-') command += " " + std::string(file_name(words[1]));
  return printable(command, 60);
}

// The command stands in parentheses and may hold blanks and parentheses of its own.
std::uint64_t start_of(Os& os, const std::string& folder) {
  const auto text = os.read_text(folder + "/stat", kLargestTable);
  if (!text.ok()) return 0;
  const std::size_t command_end = text->rfind(") ");
  if (command_end == std::string::npos) return 0;
  const auto fields = split(std::string_view(*text).substr(command_end + 2), ' ');
  constexpr std::size_t kAt = kStartField - 3;
  return fields.size() > kAt ? parse_number(fields[kAt]).value_or(0) : 0;
}

std::string own_user(Os& os) {
  const auto status = os.read_text("/proc/self/status", kLargestTable);
  return status.ok() ? std::string(user_id(*status)) : std::string();
}

/// The rest about a process whose number and memory are known.
void describe(Os& os, std::string_view status, const std::string& own, ProcessStatus& process) {
  const std::string folder = "/proc/" + std::to_string(process.pid);
  const std::string_view id = user_id(status);
  process.user = user_name(os, id);
  process.own = !id.empty() && id == own;
  process.command = command_of(os, folder, status);
  process.start = start_of(os, folder);
  const auto groups = os.read_text(folder + "/cgroup", kLargestTable);
  if (groups.ok()) process.container = find_container(*groups);
}

bool is_id(std::string_view text) {
  return text.size() == kIdLength && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "docker-<id>.scope", "cri-containerd-<id>.scope", "<id>", "lxc.payload.name".
std::string container_in(std::string_view part, std::string_view before) {
  static constexpr std::string_view kScope = ".scope";
  static constexpr std::string_view kPayload = "lxc.payload.";
  if (part.ends_with(kScope)) part.remove_suffix(kScope.size());
  if (part.starts_with(kPayload)) return printable(part.substr(kPayload.size()), 32);
  if (before == "lxc") return printable(part, 32);
  const std::string_view id = part.substr(part.rfind('-') + 1);
  return is_id(id) ? std::string(id.substr(0, kShownId)) : std::string();
}

}  // namespace

std::string find_container(std::string_view groups) {
  std::string found;
  for (const std::string_view line : split(groups, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    std::string_view before;
    // The innermost container counts.
    for (const std::string_view part : split(fields[2], '/')) {
      if (std::string name = container_in(part, before); !name.empty()) found = std::move(name);
      before = part;
    }
    if (!found.empty()) return found;
  }
  return found;
}

bool sees_host_processes(Os& os) {
  // The kernel's own first thread has this number, and no PID namespace shows it.
  const auto name = os.read_text("/proc/2/comm", kLargestTable);
  return name.ok() && trimmed(*name) == "kthreadd";
}

}  // namespace probe

ProcessStatus describe_process(Os& os, std::int64_t pid) {
  ProcessStatus process;
  process.pid = pid;
  const auto status = os.read_text("/proc/" + std::to_string(pid) + "/status", probe::kLargestTable);
  if (status.ok()) probe::describe(os, *status, probe::own_user(os), process);
  return process;
}

namespace {

std::vector<ProcessStatus> find_processes(Os& os, const probe::LimitedProcesses& limited, std::size_t count) {
  struct Found {
    ProcessStatus process;
    std::string status;
  };
  const auto self_status = os.read_text("/proc/self/status", probe::kLargestTable);
  const auto self = self_status.ok() ? probe::find_number(*self_status, "Pid") : std::nullopt;
  std::vector<Found> largest;
  for (const std::string& name : os.list_directory("/proc")) {
    const auto pid = probe::parse_number(name);
    if (!pid || pid == self) continue;
    auto status = os.read_text("/proc/" + name + "/status", probe::kLargestTable);
    if (!status.ok()) continue;
    const Bytes anonymous = probe::find_bytes(*status, "RssAnon");
    if (anonymous.count == 0 || !limited.contain(os, name)) continue;
    ProcessStatus process;
    process.pid = static_cast<std::int64_t>(*pid);
    process.used = anonymous;
    largest.push_back({std::move(process), std::move(*status)});
    std::ranges::stable_sort(largest, std::greater(), [](const Found& found) { return *found.process.used; });
    if (largest.size() > count) largest.pop_back();
  }
  const std::string own(self_status.ok() ? probe::user_id(*self_status) : std::string_view());
  std::vector<ProcessStatus> processes;
  processes.reserve(largest.size());
  for (Found& found : largest) {
    probe::describe(os, found.status, own, found.process);
    processes.push_back(std::move(found.process));
  }
  return processes;
}

}  // namespace

std::vector<ProcessStatus> find_processes(Os& os, std::size_t count) {
  return find_processes(os, probe::LimitedProcesses(os, "MemAvailable"), count);
}

std::vector<Holder> find_largest_holders(Os& os, std::string_view limit, std::size_t count) {
  std::vector<Holder> holders;
  for (ProcessStatus& process : find_processes(os, probe::LimitedProcesses(os, limit), count)) {
    std::string user = process.user.empty() ? "?" : std::move(process.user);
    holders.push_back({process.pid, std::move(user), std::move(process.command), *process.used});
  }
  return holders;
}

}  // namespace plimsoll
