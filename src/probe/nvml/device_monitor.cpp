#include <algorithm>
#include <array>
#include <map>

#include <plimsoll/device_status.h>

#include "probe/cgroup.h"
#include "probe/fields.h"
#include "probe/nvml/device_reader.h"
#include "probe/nvml/events.h"
#include "probe/process.h"

namespace plimsoll {

using nvml::Code;
using nvml::DeviceReader;
using nvml::Handle;
using nvml::U32;

namespace {

// What no process of the list holds is worth a remark beyond this.
constexpr Bytes kUnlisted = mib(512);
constexpr U32 kMostDevices = 256;

bool is_wsl(Os& os) {
  const auto release = os.read_text("/proc/sys/kernel/osrelease", probe::kLargestTable);
  return release.ok() && (release->find("microsoft") != std::string::npos || release->find("Microsoft") != std::string::npos);
}

constexpr const char* kSeeMore = "see nvidia-smi and the kernel's log";

/// What a library that is not there means. Only where no driver is there is nothing to be done.
Error start_failure(Os& os, Error error) {
  if (error.code != ErrorCode::not_found || error.where == "NVML") {
    if (error.advice.empty()) error.advice = kSeeMore;
    return error;
  }
  if (os.is_directory("/proc/driver/nvidia"))
    return {ErrorCode::not_found, "there is a driver, but not its library", error.where,
            "in a container, give it with --gpus and NVIDIA_DRIVER_CAPABILITIES=utility"};
  return {ErrorCode::not_found, "there is no NVIDIA driver", error.where, ""};
}

void fail(DeviceReport& report, Error failure) {
  report.remarks.push_back((failure.advice.empty() ? "no GPU: " : "GPUs are unknown: ") + message(failure));
  report.failure = std::move(failure);
}

// Devices whose memory is a NUMA node of the host's.
bool is_host_node(const DeviceStatus& device) {
  static constexpr std::array<std::string_view, 3> kModels = {"GH200", "GB200", "GB300"};
  return std::ranges::any_of(kModels, [&](std::string_view model) { return device.model.find(model) != std::string::npos; });
}

// Limits of device memory are an affair of the unified hierarchy (dmem).
std::vector<std::string> find_groups(Os& os) {
  std::vector<std::string> folders;
  for (const probe::GroupChain& chain : probe::find_group_chains(os, "dmem")) {
    if (chain.unified) folders.insert(folders.end(), chain.directories.begin(), chain.directories.end());
  }
  return folders;
}

void remark_unlisted(DeviceStatus& device) {
  // What the driver keeps for itself is nobody's; older ones do not tell how much that is.
  if (!device.busy() || !device.reserved || device.split || device.limit) return;
  Bytes listed = *device.reserved;
  for (const ProcessStatus& process : device.processes) {
    if (!process.used) return;  // anything may be its
    listed += *process.used;
  }
  const Bytes rest = saturating_sub(*device.busy(), listed);
  if (rest > kUnlisted) {
    device.remarks.push_back(format_bytes(rest) +
                             " is held by nobody that the driver lists: another container, graphics, or a process that ended" +
                             (is_host_node(device) ? ", whose memory may count for a while here, for it is a node of the host's" : ""));
  }
}

}  // namespace

struct DeviceMonitor::State {
  State(Os& system, Options wanted) : os(system), options(std::move(wanted)), driver(system, options.patience) {}

  /// A device as it was seen before.
  struct Known {
    DeviceStatus last;
    nvml::Returned late;  // of the call that did not return, if one did not
    bool hangs() const { return late && !late->load(); }
  };

  void look(DeviceReport& report);
  void read_device(U32 index, DeviceReport& report);
  void read_instances(DeviceReader& parent, std::size_t at, DeviceReport& report);
  void describe_processes(DeviceReport& report);
  void add_lost(DeviceReport& report);
  void mark_visible(DeviceReport& report);

  Os& os;
  Options options;
  nvml::Driver driver;
  nvml::Events events;
  std::vector<std::string> groups;  // that enclose this process, by their folders
  std::optional<Status> started;
  std::string version;
  nvml::Returned late_count;
  std::map<U32, Known> known;
};

void DeviceMonitor::State::read_instances(DeviceReader& parent, std::size_t at, DeviceReport& report) {
  int number = 0;
  for (Handle handle : parent.read_instances()) {
    DeviceStatus instance;
    instance.name = report.devices[at].name + "/mig:" + std::to_string(number++);
    DeviceReader reader(driver, handle, instance);
    reader.read_name();
    reader.read_place(report.devices[at].uuid);
    reader.read_memory();
    reader.read_processes();
    reader.finish();
    instance.pci = report.devices[at].pci;
    remark_unlisted(instance);
    report.devices.push_back(std::move(instance));
  }
}

void DeviceMonitor::State::read_device(U32 index, DeviceReport& report) {
  Known& before = known[index];
  DeviceStatus device;
  device.name = "gpu:" + std::to_string(index);
  if (before.hangs()) {
    device.uuid = before.last.uuid;
    device.model = before.last.model;
    device.pci = before.last.pci;
    device.remarks.emplace_back("everything is unknown: a call to the driver has not returned yet");
    report.devices.push_back(std::move(device));
    return;
  }
  Handle handle = nullptr;
  const auto& f = driver.functions();
  const Code code = driver.ask(true, handle, [f = f.handle_by_index, index](Handle& h) { return f(index, &h); });
  if (code != Code::success) {
    if (code == Code::late) before.late = driver.late();
    device = before.last;
    device.name = "gpu:" + std::to_string(index);
    device.lost = code == Code::gpu_is_lost;
    device.remarks.push_back("everything is unknown: " + nvml::reason(code, options.patience));
    report.devices.push_back(std::move(device));
    return;
  }
  const std::size_t at = report.devices.size();
  report.devices.push_back(std::move(device));
  DeviceStatus status = report.devices[at];
  DeviceReader reader(driver, handle, status);
  reader.read_name();
  reader.read_memory();
  reader.read_limits(groups);
  report.devices[at].uuid = status.uuid;
  report.devices[at].pci = status.pci;
  read_instances(reader, at, report);
  if (!status.split) reader.read_processes();
  reader.read_health();
  const std::string& key = status.uuid.empty() ? status.name : status.uuid;
  const Code reported = reader.late() ? Code::success : events.watch(driver, handle, key);
  if (reported != Code::success) status.remarks.push_back("Xid errors are unknown: " + nvml::reason(reported, options.patience));
  status.xids = events.seen(key);
  reader.finish();
  remark_unlisted(status);
  before.late = reader.late();
  before.last = DeviceStatus{};
  before.last.uuid = status.uuid;
  before.last.model = status.model;
  before.last.pci = status.pci;
  report.devices[at] = std::move(status);
}

void DeviceMonitor::State::add_lost(DeviceReport& report) {
  for (const auto& [index, before] : known) {
    const DeviceStatus& last = before.last;
    const bool there =
        std::ranges::any_of(report.devices, [&last](const DeviceStatus& d) { return last.uuid.empty() || d.uuid == last.uuid; });
    if (there) continue;
    DeviceStatus gone = last;
    gone.name = "gpu:" + std::to_string(index) + " (gone)";
    gone.lost = true;
    gone.remarks.emplace_back("the device was here before and the driver does not name it any more");
    report.devices.push_back(std::move(gone));
  }
}

void DeviceMonitor::State::describe_processes(DeviceReport& report) {
  const bool known_numbers = probe::sees_host_processes(os);
  bool any = false;
  for (DeviceStatus& device : report.devices) {
    for (ProcessStatus& process : device.processes) {
      any = true;
      if (!known_numbers) continue;
      ProcessStatus more = describe_process(os, process.pid);
      more.used = process.used;
      more.utilisation = process.utilisation;
      process = std::move(more);
    }
  }
  if (is_wsl(os) && !report.devices.empty()) report.remarks.emplace_back("who uses a device's memory is unknown: WSL does not tell");
  if (any && !known_numbers)
    report.remarks.emplace_back(
        "who the processes are is unknown: the driver gives the host's numbers, which mean others here: start the container with "
        "--pid=host");
}

void DeviceMonitor::State::mark_visible(DeviceReport& report) {
  int number = 0;
  for (const std::size_t i : visible_devices(os.environment("CUDA_VISIBLE_DEVICES"), report.devices)) report.devices[i].cuda = number++;
  const auto whole = [](const DeviceStatus& d) { return d.name.find('/') == std::string::npos; };
  const auto other = [&](const DeviceStatus& d) { return whole(d) && !d.model.empty() && d.model != report.devices.front().model; };
  const bool named = !report.devices.empty() && !report.devices.front().model.empty();
  if (named && std::ranges::any_of(report.devices, other) && os.environment("CUDA_DEVICE_ORDER") != "PCI_BUS_ID")
    report.remarks.emplace_back("cuda:N may mean another device: CUDA puts the fastest first, unless CUDA_DEVICE_ORDER=PCI_BUS_ID");
}

void DeviceMonitor::State::look(DeviceReport& report) {
  if (!started) {
    started = driver.start(options.library, options.start_patience);
    if (started->ok()) {
      const auto& f = driver.functions();
      static_cast<void>(driver.ask_text(f.driver_version != nullptr, nvml::kVersionSize, version,
                                        [f = f.driver_version](char* text, U32 size) { return f(text, size); }));
      events.open(driver);
    }
  }
  report.driver = version;
  if (!started->ok()) {
    fail(report, start_failure(os, started->error()));
    return;
  }
  U32 count = 0;
  Code code = Code::late;
  if (!late_count || late_count->load()) code = driver.ask(true, count, [f = driver.functions().count](U32& n) { return f(&n); });
  if (code == Code::late && (!late_count || late_count->load())) late_count = driver.late();
  if (code != Code::success) {
    fail(report, {ErrorCode::io, nvml::reason(code, options.patience), "NVML", kSeeMore});
    return;
  }
  events.collect(driver);
  if (driver.functions().memory_limits != nullptr) groups = find_groups(os);
  for (U32 i = 0; i < std::min(count, kMostDevices); ++i) read_device(i, report);
  add_lost(report);
  describe_processes(report);
  mark_visible(report);
  if (count == 0 && report.devices.empty()) {
    report.failure = Error{ErrorCode::not_found, "the driver names none", "NVML", "in a container, give devices with --gpus all"};
    report.remarks.emplace_back("no GPU: the driver names none: in a container, give devices with --gpus all");
  }
}

DeviceMonitor::DeviceMonitor(Os& os, Options options) : state_(std::make_unique<State>(os, std::move(options))) {}
DeviceMonitor::~DeviceMonitor() = default;

DeviceReport DeviceMonitor::look() {
  DeviceReport report;
  state_->look(report);
  return report;
}

}  // namespace plimsoll
