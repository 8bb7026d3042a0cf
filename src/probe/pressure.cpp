#include <algorithm>
#include <charconv>

#include <plimsoll/machine.h>

#include "probe/cgroup.h"
#include "probe/fields.h"

namespace plimsoll {
namespace {

// A system that has more than this share available is not short: whoever waits there does so within a limit of its own.
constexpr std::uint64_t kShortShare = 8;

// The line "some avg10=1.25 avg60=... total=...", or "full ...": percent.
std::optional<double> read_avg10(Os& os, const std::string& path, std::string_view who) {
  const std::string start = std::string(who) + " avg10=";
  const auto table = os.read_text(path, probe::kLargestTable);
  if (!table.ok()) return std::nullopt;
  for (const std::string_view line : probe::split(*table, '\n')) {
    if (!line.starts_with(start)) continue;
    double percent = 0;
    const char* end = line.data() + line.size();
    const auto read = std::from_chars(line.data() + start.size(), end, percent);
    if (read.ec == std::errc() && percent >= 0 && percent <= 100) return percent;
  }
  return std::nullopt;
}

std::optional<MemoryPressure> read_pressure(Os& os, const std::string& path) {
  const auto waited = read_avg10(os, path, "some");
  if (!waited) return std::nullopt;
  return MemoryPressure{*waited, path};
}

// The file of this process's own group (version 2). The hierarchy's root, which has none, is the whole system.
std::optional<std::string> group_pressure_path(Os& os) {
  for (const probe::GroupChain& chain : probe::find_group_chains(os, "memory")) {
    const std::string& own = chain.directories.front();
    if (chain.unified && os.is_file(own + "/cgroup.events")) return own + "/memory.pressure";
  }
  return std::nullopt;
}

bool is_system_short(Os& os) {
  const auto meminfo = os.read_text("/proc/meminfo", probe::kLargestTable);
  if (!meminfo.ok()) return false;
  const auto total = probe::find_number(*meminfo, "MemTotal");
  const auto available = probe::find_number(*meminfo, "MemAvailable");
  return total && available && *available < *total / kShortShare;
}

}  // namespace

std::optional<MemoryPressure> probe_pressure(Os& os) {
  if (const auto path = group_pressure_path(os)) {
    if (auto pressure = read_pressure(os, *path)) return pressure;
  }
  if (!is_system_short(os)) return std::nullopt;
  return read_pressure(os, "/proc/pressure/memory");
}

HostLoad probe_load(Os& os) {
  HostLoad load;
  const auto meminfo = os.read_text("/proc/meminfo", probe::kLargestTable);
  if (meminfo.ok()) {
    load.swap_total = probe::find_bytes(*meminfo, "SwapTotal");
    load.swap_free = std::min(load.swap_total, probe::find_bytes(*meminfo, "SwapFree"));
  }
  load.memory_some = read_avg10(os, "/proc/pressure/memory", "some");
  load.memory_full = read_avg10(os, "/proc/pressure/memory", "full");
  load.cpu_some = read_avg10(os, "/proc/pressure/cpu", "some");
  load.io_full = read_avg10(os, "/proc/pressure/io", "full");
  if (const auto path = group_pressure_path(os)) load.group_memory_some = read_avg10(os, *path, "some");
  return load;
}

}  // namespace plimsoll
