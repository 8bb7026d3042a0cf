#include "diagnosis/self_check.h"

#include <fmt/format.h>

#include <plimsoll/device_status.h>
#include <plimsoll/measure.h>
#include <plimsoll/model.h>

#include "diagnosis/device_check.h"
#include "text/counted.h"

namespace plimsoll::cli {
namespace {

// Less than this, and hardly a model runs.
constexpr Bytes kLittle = mib(256);

using Lines = std::vector<CheckLine>;

void check_memory(const HostMemory& memory, Lines& lines) {
  const bool little = memory.budget < kLittle;
  lines.push_back({"memory", !little,
                   fmt::format("{} in all, {} available; a run may take {}, set by {}", format_bytes(memory.total),
                               format_bytes(memory.available), format_bytes(memory.budget), memory.set_by),
                   little ? "close other programs, or raise the limit named here" : ""});
  for (const MemoryLimit& limit : memory.limits) {
    const bool full = limit.budget < kLittle;
    lines.push_back(
        {"memory limit", !full,
         fmt::format("{} by {}; {} held by others", format_bytes(limit.limit), limit.set_by, format_bytes(limit.held_by_others)),
         full ? "raise it, or end what holds it" : ""});
  }
  if (!memory.limits_fault.empty())
    lines.push_back({"memory limit", false, "limits of control groups are not known: " + memory.limits_fault, "pass --max-memory"});
}

void check_processors(const Snapshot& machine, Lines& lines) {
  const CpuDescription& cpu = machine.cpu;
  std::string text = fmt::format("{} of {} processors, {} cores", counted(cpu.default_threads, "thread"), cpu.logical, cpu.physical);
  if (cpu.quota) text += fmt::format("; a quota of {} by {}", *cpu.quota, cpu.quota_set_by);
  const bool squeezed = cpu.quota && *cpu.quota < cpu.physical;
  lines.push_back({"processors", true, text, squeezed ? "raise the quota to use all cores" : ""});
  const bool portable = !cpu.isa.starts_with("avx");
  lines.push_back({"instructions", !portable, cpu.isa + (cpu.native_bfloat16 ? ", bfloat16 native" : ""),
                   portable ? "slow: no AVX2; look at PLIMSOLL_ISA and the virtual machine's CPU model" : ""});
  const bool measured = machine.rates.source == "measured";
  lines.push_back(
      {"rates", true, machine.rates.source, measured ? "" : "run `plimsoll devices` once: predictions are then of this machine"});
}

void check_folder(Os& os, const char* name, const Result<std::string>& path, const char* fix, Lines& lines) {
  if (!path.ok()) lines.push_back({name, false, "HOME is not set", fix});
  else lines.push_back({name, true, *path + (os.is_directory(*path) ? "" : " (not there yet)"), ""});
}

void check_folders(Os& os, Lines& lines) {
  check_folder(os, "cache folder", find_cache_folder(os), "set XDG_CACHE_HOME", lines);
  check_folder(os, "Hub cache", find_hub_cache(os), "set HF_HOME", lines);
  const auto locks = os.private_folder();
  lines.push_back({"lock folder", locks.ok(), locks.ok() ? *locks : locks.error().what,
                   locks.ok() ? "" : "set XDG_RUNTIME_DIR to a folder of your own, mode 0700"});
}

}  // namespace

std::vector<CheckLine> check_machine(Os& os) {
  Lines lines;
  DeviceMonitor monitor(os);
  lines = check_devices(os, monitor.look());
  if (const auto machine = describe_machine(os, 0); machine.ok()) {
    check_memory(machine->memory, lines);
    check_processors(*machine, lines);
  } else {
    lines.push_back({"machine", false, message(machine.error()), "see `plimsoll devices`"});
  }
  if (const auto pressure = probe_pressure(os); pressure && pressure->some > 0)
    lines.push_back({"pressure", pressure->some < 10,
                     fmt::format("tasks waited for memory in {:.1f}% of the last ten seconds ({})", pressure->some, pressure->seen),
                     pressure->some < 10 ? "" : "close other programs"});
  check_folders(os, lines);
  return lines;
}

}  // namespace plimsoll::cli
