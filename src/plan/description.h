#pragma once

#include <cstdint>
#include <string>

#include <plimsoll/machine.h>

#include "device/device.h"

namespace plimsoll {

/// A device as the planner sees it: values and pure functions only.
struct DeviceDescription {
  std::string name;
  Bytes total;
  Bytes free;
  int threads = 1;
  std::string isa;
  bool native_bfloat16 = false;
  double float32_flops = 1;  ///< a second, all threads
  double bfloat16_flops = 1;
  double memory_rate = 1;   ///< bytes a second
  double disk_rate = 1;     ///< bytes a second
  double step_seconds = 0;  ///< fixed cost of one op
  std::int64_t (*workspace_bytes)(const WorkspaceNeeds&) = nullptr;
  Bytes runtime;  ///< allowance for all memory that no arena holds
};

/// The host's processor.
DeviceDescription describe_cpu(const Snapshot& machine);

/// What the process takes besides arenas on `cpu`: the program's own data, stacks, the heap of the command. Deterministic.
Bytes cpu_runtime_allowance(int threads);

}  // namespace plimsoll
