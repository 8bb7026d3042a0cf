#include "probe/nvml/functions.h"

#include <initializer_list>
#include <string>

namespace plimsoll::nvml {
namespace {

/// The first of `names`, each behind "nvml", that the library has.
template <typename Function>
void find(const Library& library, Function*& function, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (function == nullptr) function = reinterpret_cast<Function*>(library.find("nvml" + std::string(name)));
  }
}

void find_processes(const Library& library, Functions& f) {
  find(library, f.compute_processes, {"DeviceGetComputeRunningProcesses_v3", "DeviceGetComputeRunningProcesses_v2"});
  find(library, f.compute_processes_v1, {"DeviceGetComputeRunningProcesses"});
  find(library, f.graphics_processes, {"DeviceGetGraphicsRunningProcesses_v3", "DeviceGetGraphicsRunningProcesses_v2"});
  find(library, f.graphics_processes_v1, {"DeviceGetGraphicsRunningProcesses"});
  find(library, f.mps_processes, {"DeviceGetMPSComputeRunningProcesses_v3", "DeviceGetMPSComputeRunningProcesses_v2"});
  find(library, f.mps_processes_v1, {"DeviceGetMPSComputeRunningProcesses"});
  find(library, f.process_utilization, {"DeviceGetProcessUtilization"});
}

void find_health(const Library& library, Functions& f) {
  find(library, f.utilization, {"DeviceGetUtilizationRates"});
  find(library, f.temperature, {"DeviceGetTemperature"});
  find(library, f.power, {"DeviceGetPowerUsage"});
  find(library, f.power_limit, {"DeviceGetEnforcedPowerLimit"});
  find(library, f.pcie_generation, {"DeviceGetCurrPcieLinkGeneration"});
  find(library, f.pcie_width, {"DeviceGetCurrPcieLinkWidth"});
  find(library, f.pcie_throughput, {"DeviceGetPcieThroughput"});
  find(library, f.throttle_reasons, {"DeviceGetCurrentClocksEventReasons", "DeviceGetCurrentClocksThrottleReasons"});
  find(library, f.ecc_errors, {"DeviceGetTotalEccErrors"});
  find(library, f.remapped_rows, {"DeviceGetRemappedRows"});
  find(library, f.event_set_create, {"EventSetCreate"});
  find(library, f.register_events, {"DeviceRegisterEvents"});
  find(library, f.event_set_wait, {"EventSetWait_v2", "EventSetWait"});
}

void find_instances(const Library& library, Functions& f) {
  find(library, f.mig_mode, {"DeviceGetMigMode"});
  find(library, f.mig_count, {"DeviceGetMaxMigDeviceCount"});
  find(library, f.mig_handle, {"DeviceGetMigDeviceHandleByIndex"});
  find(library, f.gpu_instance, {"DeviceGetGpuInstanceId"});
  find(library, f.compute_instance, {"DeviceGetComputeInstanceId"});
}

}  // namespace

Functions find_functions(const Library& library) {
  Functions f;
  find(library, f.init, {"Init_v2", "Init"});
  find(library, f.shutdown, {"Shutdown"});
  find(library, f.driver_version, {"SystemGetDriverVersion"});
  find(library, f.count, {"DeviceGetCount_v2", "DeviceGetCount"});
  find(library, f.handle_by_index, {"DeviceGetHandleByIndex_v2", "DeviceGetHandleByIndex"});
  find(library, f.uuid, {"DeviceGetUUID"});
  find(library, f.name, {"DeviceGetName"});
  find(library, f.pci, {"DeviceGetPciInfo_v3"});
  find(library, f.memory_v2, {"DeviceGetMemoryInfo_v2"});
  find(library, f.memory_v1, {"DeviceGetMemoryInfo"});
  find(library, f.memory_limits, {"DeviceGetMemoryLimits_v1"});
  find(library, f.bar1, {"DeviceGetBAR1MemoryInfo"});
  find_processes(library, f);
  find_health(library, f);
  find_instances(library, f);
  return f;
}

}  // namespace plimsoll::nvml
