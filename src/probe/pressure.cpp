#include <charconv>

#include <plimsoll/machine.h>

#include "probe/cgroup.h"
#include "probe/fields.h"

namespace plimsoll {
namespace {

// A system that has more than this share available is not short: whoever waits there does so within a limit of its own.
constexpr std::uint64_t kShortShare = 8;

// The line "some avg10=1.25 avg60=... total=...": percent.
std::optional<double> some_avg10(const std::string& table) {
  static constexpr std::string_view kLine = "some avg10=";
  for (const std::string_view line : probe::split(table, '\n')) {
    if (!line.starts_with(kLine)) continue;
    double percent = 0;
    const char* end = line.data() + line.size();
    const auto read = std::from_chars(line.data() + kLine.size(), end, percent);
    if (read.ec == std::errc() && percent >= 0 && percent <= 100) return percent;
  }
  return std::nullopt;
}

std::optional<MemoryPressure> read_pressure(Os& os, const std::string& path) {
  const auto table = os.read_text(path, probe::kLargestTable);
  if (!table.ok()) return std::nullopt;
  const auto waited = some_avg10(*table);
  if (!waited) return std::nullopt;
  return MemoryPressure{*waited, path};
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
  for (const probe::GroupChain& chain : probe::find_group_chains(os, "memory")) {
    // The hierarchy's root, which has no such file, is the whole system.
    const std::string& own = chain.directories.front();
    if (!chain.unified || !os.is_file(own + "/cgroup.events")) continue;
    if (auto pressure = read_pressure(os, own + "/memory.pressure")) return pressure;
  }
  if (!is_system_short(os)) return std::nullopt;
  return read_pressure(os, "/proc/pressure/memory");
}

}  // namespace plimsoll
