#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/bytes.h>
#include <plimsoll/error.h>
#include <plimsoll/os.h>

#pragma GCC visibility push(default)

namespace plimsoll {

/// A process that holds memory, as far as this user may see.
struct ProcessStatus {
  std::int64_t pid = 0;
  std::string user;                     ///< empty: unknown
  std::string command;                  ///< likewise
  std::string container;                ///< the first characters of its id, or its name; empty: none, or unknown
  std::uint64_t start = 0;              ///< clock ticks since boot: tells it from a later one of the same number; zero: unknown
  bool own = false;                     ///< of this process's user
  std::optional<Bytes> used;            ///< on the device, or anonymous memory of the host
  std::optional<int> utilisation = {};  ///< percent of the device's time
};

/// What a control group may have of a device's memory (dmem.max).
struct DeviceLimit {
  Bytes most;          ///< allocations beyond it fail
  Bytes guaranteed;    ///< up to here others give way
  Bytes used;          ///< by the group, now
  std::string set_by;  ///< the group's folder
};

/// What a device does now. What is empty is unknown, and `remarks` says why.
struct DeviceStatus {
  std::string name;         ///< "gpu:0", by the order of its PCI address; "gpu:0/mig:1"
  std::optional<int> cuda;  ///< N of the cuda:N that CUDA calls it in this process; empty: hidden by CUDA_VISIBLE_DEVICES
  std::string uuid;
  std::string model;
  std::string pci;     ///< bus address
  std::string mig;     ///< "GPU-<uuid>/<instance>/<compute instance>" of a MIG instance
  bool split = false;  ///< its memory is that of the MIG instances that follow it
  bool lost = false;   ///< it was there before, or answers that it is gone
  std::optional<Bytes> total;
  std::optional<Bytes> free;
  std::optional<Bytes> reserved;     ///< by the driver; part of what is busy
  std::optional<DeviceLimit> limit;  ///< of the groups that enclose this process, the one that leaves least; `free` is within it
  std::optional<Bytes> bar1_total;
  std::optional<Bytes> bar1_used;
  /// What to leave of `free` beside any plan: contexts and libraries of CUDA's; more where the figures contradict each other.
  Bytes margin;
  std::vector<ProcessStatus> processes;  ///< largest first
  std::optional<int> utilisation;        ///< percent of the last moments in which something computed
  std::optional<int> temperature;        ///< degrees Celsius
  std::optional<double> power;           ///< watts
  std::optional<double> power_limit;
  std::optional<int> pcie_generation;
  std::optional<int> pcie_width;
  std::optional<double> pcie_sent;  ///< by the device, bytes a second
  std::optional<double> pcie_received;
  std::optional<std::vector<std::string>> throttled;  ///< why clocks are held down; none: they are not
  std::optional<std::uint64_t> ecc_corrected;         ///< since the driver was loaded
  std::optional<std::uint64_t> ecc_uncorrected;
  std::optional<int> remapped_rows;
  bool remap_pending = false;        ///< a reset will remap more
  std::vector<std::uint64_t> xids;   ///< errors that the driver reported since the monitor was opened, the last 8
  std::vector<std::string> remarks;  ///< one line each: what is unknown, and why

  /// total − free: what is not to be had, whoever has it. The driver's own `used` leaves the reserved part out, or not, by version.
  std::optional<Bytes> busy() const {
    if (!total || !free) return std::nullopt;
    return saturating_sub(*total, *free);
  }
};

/// All devices at one moment.
struct DeviceReport {
  std::string driver;                 ///< version; empty: unknown
  std::vector<DeviceStatus> devices;  ///< in PCI order, each followed by its MIG instances
  std::vector<std::string> remarks;   ///< what is unknown about all of them, and why: no driver, a version mismatch, a container, ...
  std::optional<Error> failure;       ///< why the driver tells of no device, with what to do; the first remark says the same
};

/// Asks NVIDIA's management library about all devices. It is found at run time; without it, or without a driver, reports have no devices
/// and one remark. A call that does not return is left behind on the monitor's thread, which starts with the first look; its device is
/// not asked again until it has returned, and others go on. One thread at a time.
class DeviceMonitor {
 public:
  struct Options {
    std::string library = "libnvidia-ml.so.1";         ///< a path, or a name that the loader looks for
    std::chrono::milliseconds start_patience{15'000};  ///< for the library's start, which wakes devices up
    std::chrono::milliseconds patience{2'000};         ///< for every other call
  };

  /// `os` and its gate outlive the monitor and the threads that it leaves behind. Nothing is loaded before the first look.
  explicit DeviceMonitor(Os& os, Options options);
  explicit DeviceMonitor(Os& os) : DeviceMonitor(os, Options()) {}
  DeviceMonitor(const DeviceMonitor&) = delete;
  DeviceMonitor& operator=(const DeviceMonitor&) = delete;
  /// Waits for no call that is stuck.
  ~DeviceMonitor();

  /// Never fails: what cannot be found out is empty, with a remark. Takes some 50 ms a device, most of it for the traffic over PCIe, and
  /// `patience` for every call that hangs.
  DeviceReport look();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Which of `devices` CUDA uses in a process with this CUDA_VISIBLE_DEVICES, in its order: indices, UUIDs or beginnings of them, MIG
/// UUIDs, or "MIG-GPU-<uuid>/<instance>/<compute instance>". The list ends at the first entry that names nothing. Nothing: not set.
std::vector<std::size_t> visible_devices(const std::optional<std::string>& variable, std::span<const DeviceStatus> devices);

/// The processes other than this one with the most anonymous memory, largest first; as find_largest_holders, with more about each.
std::vector<ProcessStatus> find_processes(Os& os, std::size_t count);

/// What there is to know about process `pid` of this machine; only the number is set where it is gone or hidden.
ProcessStatus describe_process(Os& os, std::int64_t pid);

}  // namespace plimsoll

#pragma GCC visibility pop
