#pragma once

#include <plimsoll/os.h>

#include "probe/nvml/types.h"

namespace plimsoll::nvml {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

/// The library's functions, each in the newest version that it has; null where it has none. Those whose structures differ by version stand
/// for themselves.
struct Functions {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*driver_version)(char*, U32) = nullptr;
  int (*count)(U32*) = nullptr;
  int (*handle_by_index)(U32, Handle*) = nullptr;
  int (*uuid)(Handle, char*, U32) = nullptr;
  int (*name)(Handle, char*, U32) = nullptr;
  int (*pci)(Handle, Pci*) = nullptr;
  int (*memory_v2)(Handle, MemoryV2*) = nullptr;
  int (*memory_v1)(Handle, MemoryV1*) = nullptr;
  int (*memory_limits)(Handle, MemoryLimits*) = nullptr;
  int (*bar1)(Handle, Bar1*) = nullptr;
  int (*compute_processes)(Handle, U32*, ProcessV2*) = nullptr;
  int (*compute_processes_v1)(Handle, U32*, ProcessV1*) = nullptr;
  int (*graphics_processes)(Handle, U32*, ProcessV2*) = nullptr;
  int (*graphics_processes_v1)(Handle, U32*, ProcessV1*) = nullptr;
  int (*mps_processes)(Handle, U32*, ProcessV2*) = nullptr;
  int (*mps_processes_v1)(Handle, U32*, ProcessV1*) = nullptr;
  int (*process_utilization)(Handle, ProcessSample*, U32*, U64) = nullptr;
  int (*utilization)(Handle, Utilization*) = nullptr;
  int (*temperature)(Handle, int, U32*) = nullptr;
  int (*power)(Handle, U32*) = nullptr;
  int (*power_limit)(Handle, U32*) = nullptr;
  int (*pcie_generation)(Handle, U32*) = nullptr;
  int (*pcie_width)(Handle, U32*) = nullptr;
  int (*pcie_throughput)(Handle, int, U32*) = nullptr;
  int (*throttle_reasons)(Handle, U64*) = nullptr;
  int (*ecc_errors)(Handle, int, int, U64*) = nullptr;
  int (*remapped_rows)(Handle, U32*, U32*, U32*, U32*) = nullptr;
  int (*mig_mode)(Handle, U32*, U32*) = nullptr;
  int (*mig_count)(Handle, U32*) = nullptr;
  int (*mig_handle)(Handle, U32, Handle*) = nullptr;
  int (*gpu_instance)(Handle, U32*) = nullptr;
  int (*compute_instance)(Handle, U32*) = nullptr;
  int (*event_set_create)(EventSet*) = nullptr;
  int (*register_events)(Handle, U64, EventSet) = nullptr;
  int (*event_set_wait)(EventSet, Event*, U32) = nullptr;
};

Functions find_functions(const Library& library);

}  // namespace plimsoll::nvml
