#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/bytes.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// A budget of the host when nothing at all could be found out about its memory.
inline constexpr Bytes kUnknownMemory{std::uint64_t{1} << 62U};

/// What a cgroup's hot library text, page tables and kernel charges may take beside the memory that a plan counts, in a group of up to
/// 1 GiB; where more is allowed to it, 1/200 of that is added.
inline constexpr Bytes kGroupAllowance = mib(8);

/// One finite limit that encloses this process.
struct MemoryLimit {
  std::string set_by;  ///< a file such as "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", or "RLIMIT_AS"
  Bytes limit;
  Bytes held_by_others;    ///< what this limit already pays for and a plan of ours does not count
  Bytes budget;            ///< what remains for RssAnon + locked + shared of this process, all in all
  bool contended = false;  ///< other processes can use it up
};

/// Memory of the host as this process may use it. Unknown figures are zero.
struct HostMemory {
  Bytes total;
  Bytes available;           ///< what can be had without pushing anybody out
  std::string available_by;  ///< where `available` is from: "MemAvailable" of /proc/meminfo, "sysinfo" where that does not tell, or empty
  Bytes ours;                ///< what this process holds already (RssAnon + RssShmem); a plan counts it again, so it is free
  std::vector<MemoryLimit> limits;
  std::string limits_fault;        ///< why limits of control groups are not known, and may be lower; empty: they are
  Bytes budget = kUnknownMemory;   ///< the least of available + ours and every limit's budget
  std::string set_by = "unknown";  ///< `available_by`, or a limit's

  /// The part of `budget` that others can take away at any time: the least of available + ours and the limits of groups.
  Bytes contended_budget() const;
};

/// The host's processor as this process may use it.
struct CpuDescription {
  std::string model = "unknown";  ///< as the kernel names it
  std::string key = "unknown";    ///< model, family and stepping: tells machines of one marketing name apart
  std::string isa;                ///< "avx512", "avx2", ...: filled by whoever asked the cpu back end
  bool native_bfloat16 = false;   ///< likewise: products of bfloat16 are an instruction
  int logical = 1;                ///< processors in the affinity mask
  int physical = 1;               ///< cores behind them
  std::optional<int> quota;       ///< least cgroup CPU quota in processors, rounded up; empty when unlimited
  std::string quota_set_by;
  int default_threads = 1;  ///< least of the three above
};

/// How fast things go. Operations count a multiplication and an addition as two; rates are of all `threads` together, reached by
/// matrix products of a pass, not a data sheet's peak.
struct Rates {
  double float32_flops = 0;   ///< operations a second
  double bfloat16_flops = 0;  ///< zero where bfloat16 is not native
  double int8_flops = 0;
  double memory_read = 0;  ///< bytes a second
  double disk_read = 0;    ///< bytes a second, cold, from where the model lies
  int threads = 1;
  std::string source;       ///< "table for avx2", "measured"
  std::string disk_source;  ///< likewise, for disk_read
  std::string cache_fault;  ///< why rates that were just measured are not remembered; empty: they are
};

/// A device beside the host that computes: what it has and how fast it is.
struct Accelerator {
  std::string name;  ///< "sim:0", "cuda:0"
  Bytes total;
  Bytes free;  ///< could be allocated now; what the back end itself keeps is taken already
  std::string free_set_by;
  std::optional<Bytes> budget;  ///< `--max-memory` of this device
  double float32_flops = 0;     ///< operations a second
  double bfloat16_flops = 0;    ///< zero where bfloat16 is not native
  double link_rate = 0;         ///< bytes a second from the host's memory to the device's, and back
  double disk_rate = 0;         ///< bytes a second from disk to host memory on the way there
  double latency = 0;           ///< seconds before each copy and each step
  bool native_bfloat16 = false;
  bool computes_on_host = false;  ///< simulated: the host's kernels give the results, with the host's workspace and weights packed for it

  /// What a plan may take of it.
  Bytes usable() const { return budget ? std::min(*budget, free) : free; }
};

/// What a simulated device takes of this process beside its memory: events, and threads of its own.
constexpr Bytes simulated_device_bytes(int threads) { return kib(64) + kib(32) * static_cast<std::uint64_t>(threads); }

/// What there is now.
struct Snapshot {
  HostMemory memory;
  CpuDescription cpu;
  Rates rates;
  std::vector<Accelerator> accelerators;  ///< in the order in which they are preferred
  Bytes held = {};                        ///< of this process beside what plans count, such as its arguments: planned as runtime
};

/// Memory and processor of the host. Files that are missing or make no sense are smaller knowledge, not errors. `cpu.isa`,
/// `cpu.native_bfloat16` and `rates` are left for the caller (`find_rates`).
Result<Snapshot> probe_machine(Os& os);

/// The memory alone. Takes some 0.2 ms: cheap enough to be asked ten times a second.
HostMemory probe_memory(Os& os);

/// How long tasks have waited for memory lately (pressure stall information of the kernel).
struct MemoryPressure {
  double some = 0;   ///< percent of the last ten seconds in which at least one task waited
  std::string seen;  ///< the file that says so
};

/// Pressure that giving memory back may relieve: of this process's own group (version 2), with whatever limit causes it; without one, of
/// the whole system, but only while little of its memory is available: otherwise those who wait do so within limits of their own. Nothing
/// where the kernel does not tell.
std::optional<MemoryPressure> probe_pressure(Os& os);

/// Swap, and the part of the last ten seconds, in percent, in which tasks waited (pressure stall information); empty where the kernel does
/// not tell.
struct HostLoad {
  Bytes swap_total;
  Bytes swap_free;
  std::optional<double> memory_some;        ///< at least one task, for memory
  std::optional<double> memory_full;        ///< all that could run, for memory
  std::optional<double> group_memory_some;  ///< in this process's own group (version 2)
  std::optional<double> cpu_some;
  std::optional<double> io_full;
};
HostLoad probe_load(Os& os);

/// Rates for `threads` threads of `cpu`: from the cache of measurements if it has them, else from the built-in table. `folder` is the
/// absolute path of the model; its mount point chooses the disk.
Rates find_rates(Os& os, const CpuDescription& cpu, int threads, const std::string& folder);

/// The folder of the file that rates are kept in, by XDG_CACHE_HOME or HOME, which count if they are absolute; it need not exist. Fails
/// with not_found when neither is.
Result<std::string> find_cache_folder(Os& os);

/// The processes other than this one with the most anonymous memory, largest first, at most `count`; those that this user may
/// not see, or that end meanwhile, are left out. The command is the program's name and its first argument unless that is an
/// option. `limit`: only those that it counts, as HostMemory::set_by names it: the members of its group, everybody for a limit of the
/// machine, nobody for one of this process alone. Reads /proc once a process: for errors, not for loops.
std::vector<Holder> find_largest_holders(Os& os, std::string_view limit = "MemAvailable", std::size_t count = 3);

}  // namespace plimsoll

#pragma GCC visibility pop
