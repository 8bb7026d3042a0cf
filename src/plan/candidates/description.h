#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <plimsoll/machine.h>

#include "device/device.h"
#include "model/program.h"

namespace plimsoll {

/// A device as the planner sees it: values and pure functions only.
struct DeviceDescription {
  std::string name;
  Bytes total;
  Bytes free;
  std::string free_set_by;
  int threads = 1;
  std::string isa;
  bool native_bfloat16 = false;
  double float32_flops = 1;  ///< a second, all threads
  double bfloat16_flops = 1;
  double memory_rate = 1;   ///< bytes a second
  double disk_rate = 1;     ///< bytes a second
  double read_seconds = 0;  ///< fixed cost of one read from disk
  std::string rates_source;
  double step_seconds = 0;  ///< fixed cost of one op
  double link_rate = 0;     ///< bytes a second between the host's memory and the device's; 0: they are the same
  std::int64_t (*workspace_bytes)(const WorkspaceNeeds&) = nullptr;
  bool packs_weights = true;  ///< its products read panels; otherwise rows as the file has them
  Bytes runtime;              ///< allowance for all memory that no arena holds
};

/// Bytes of all names.
Bytes name_bytes(const std::vector<std::string>& names);

/// The host's processor, for running `program`, whose labels have names of `label_names` bytes in all.
DeviceDescription describe_cpu(const Snapshot& machine, const Program& program, Bytes label_names = {});

/// An accelerator of `machine`. It takes nothing besides arenas: what its back end keeps is gone from `free` already.
DeviceDescription describe_accelerator(const Snapshot& machine, const Accelerator& accelerator);

/// What a schedule takes for 64 rows of a matrix that stream as a chunk of their own.
inline constexpr std::uint64_t kChunkBytes = 104;

/// What a process takes on `cpu` besides arenas: its own data, stacks and heap (measured: half to four fifths of this). An
/// op costs what the program and the binding say of it, a weight what a schedule of the smallest chunks does; a label its name and its
/// part of an answer (74 bytes and three to five times the name), more where names are longer than 32 bytes on average.
Bytes cpu_runtime_allowance(int threads, const Program& program, Bytes label_names = {});

}  // namespace plimsoll
