#include "probe/cpu.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "probe/cgroup.h"
#include "probe/fields.h"
#include "probe/lines.h"

namespace plimsoll::probe {
namespace {

std::optional<std::string> read_line(Os& os, const std::string& path) {
  const auto text = os.read_text(path, kLargestTable);
  if (!text.ok()) return std::nullopt;
  return std::string(trimmed(*text));
}

// Processors, rounded up; nothing for "max", "-1" and anything that is no positive quota.
std::optional<int> processors(std::string_view quota, std::string_view period) {
  const auto time = parse_number(quota);
  const auto every = parse_number(period);
  if (!time || !every || *time == 0 || *every == 0) return std::nullopt;
  const std::uint64_t whole = *time / *every + (*time % *every == 0 ? 0 : 1);
  return static_cast<int>(std::min<std::uint64_t>(whole, std::numeric_limits<int>::max()));
}

std::optional<int> unified_quota(Os& os, const std::string& directory) {
  const auto line = read_line(os, directory + "/cpu.max");
  if (!line) return std::nullopt;
  const auto fields = split(*line, ' ');
  return fields.size() == 2 ? processors(fields[0], fields[1]) : std::nullopt;
}

std::optional<int> version1_quota(Os& os, const std::string& directory) {
  const auto quota = read_line(os, directory + "/cpu.cfs_quota_us");
  const auto period = read_line(os, directory + "/cpu.cfs_period_us");
  return quota && period ? processors(*quota, *period) : std::nullopt;
}

void probe_quota(Os& os, CpuDescription& cpu) {
  for (const GroupChain& chain : find_group_chains(os, "cpu")) {
    for (const std::string& directory : chain.directories) {
      const auto quota = chain.unified ? unified_quota(os, directory) : version1_quota(os, directory);
      if (!quota || (cpu.quota && *cpu.quota <= *quota)) continue;
      cpu.quota = quota;
      cpu.quota_set_by = directory + (chain.unified ? "/cpu.max" : "/cpu.cfs_quota_us");
    }
  }
}

// The core of a processor, named by the processors that share it, or by its numbers, or by itself.
std::string core_of(Os& os, int cpu) {
  const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
  if (const auto siblings = read_line(os, topology + "thread_siblings_list")) {
    const auto list = parse_cpu_list(*siblings);
    if (std::find(list.begin(), list.end(), cpu) != list.end()) return "siblings " + *siblings;
  }
  const auto core = read_line(os, topology + "core_id");
  const auto package = read_line(os, topology + "physical_package_id");
  if (core && package && parse_number(*core)) return "core " + *package + " " + *core;
  return "processor " + std::to_string(cpu);
}

int physical_cores(Os& os, const std::vector<int>& affinity) {
  std::set<std::string> cores;
  for (const int cpu : affinity) cores.insert(core_of(os, cpu));
  return static_cast<int>(std::max<std::size_t>(cores.size(), 1));
}

constexpr std::array<std::string_view, 4> kModelNames = {"model name", "Model", "Hardware", "cpu"};
constexpr std::array<std::string_view, 5> kKeyNames = {"cpu family", "model", "stepping", "CPU part", "CPU variant"};

// The lines of /proc/cpuinfo that describe a model, each once: the file has a block for every processor, megabytes for thousands.
std::string model_lines(Os& os) {
  std::string table;
  const auto add = [&](std::string_view line) {
    const std::string_view name = trimmed(line.substr(0, line.find(':')));
    const bool wanted = std::ranges::find(kModelNames, name) != kModelNames.end() || std::ranges::find(kKeyNames, name) != kKeyNames.end();
    if (wanted && !find_field(table, name)) (table += line) += '\n';
  };
  return for_each_line(os, "/proc/cpuinfo", add).ok() ? table : std::string();
}

void probe_model(Os& os, CpuDescription& cpu) {
  const std::string table = model_lines(os);
  if (table.empty()) return;
  for (const std::string_view name : kModelNames) {
    const auto model = find_field(table, name);
    if (!model || model->empty()) continue;
    cpu.model = printable(*model, 100);
    break;
  }
  cpu.key = cpu.model;
  for (const std::string_view name : kKeyNames) {
    if (const auto value = find_field(table, name)) cpu.key += " / " + printable(*value, 20);
  }
}

}  // namespace

CpuDescription probe_cpu(Os& os) {
  CpuDescription cpu;
  const std::vector<int> affinity = os.affinity();
  cpu.logical = static_cast<int>(std::max<std::size_t>(affinity.size(), 1));
  cpu.physical = physical_cores(os, affinity);
  probe_quota(os, cpu);
  cpu.default_threads = std::max(1, std::min({cpu.logical, cpu.physical, cpu.quota.value_or(cpu.logical)}));
  probe_model(os, cpu);
  return cpu;
}

}  // namespace plimsoll::probe
