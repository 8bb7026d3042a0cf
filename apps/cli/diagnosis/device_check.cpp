#include "diagnosis/device_check.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

constexpr std::size_t kShortFile = 4096;

using Lines = std::vector<CheckLine>;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// What to do about a remark, by words of its own.
struct Cure {
  std::string_view words;
  std::string_view fix;
};
constexpr std::array kCures = {
    Cure{"--pid=host", "start the container with --pid=host"},
    Cure{"WSL does not tell", "look at it in Windows: Task Manager, Details, Dedicated GPU memory"},
    Cure{"CUDA_DEVICE_ORDER", "export CUDA_DEVICE_ORDER=PCI_BUS_ID"},
    Cure{"fallen off the bus", "look for Xid in the kernel's log (dmesg | grep -i xid), then reset it or reboot"},
    Cure{"does not name it any more", "look for Xid in the kernel's log (dmesg | grep -i xid), then reset it or reboot"},
    Cure{"needs a reset", "end its processes, then: nvidia-smi --gpu-reset"},
    Cure{"did not answer", "look at the kernel's log: a driver that hangs needs a reboot, often"},
    Cure{"has not returned", "look at the kernel's log: a driver that hangs needs a reboot, often"},
    Cure{"driver hangs", "look at the kernel's log: a driver that hangs needs a reboot, often"},
    Cure{"power cable", "connect it"},
    Cure{"no permission", "ask as root, or see the instances: what a split device holds is not everybody's to see"},
    Cure{"could not be remapped", "replace the device"},
    Cure{"share the host's", "see the line `memory`: it counts for both"},
    Cure{"nobody that the driver lists", "fuser -v /dev/nvidia* on the host"},
    Cure{"no such call", "a newer driver tells more"},
    Cure{"contradict each other", "a newer driver may tell better"},
    Cure{"make no sense", "see nvidia-smi; a newer driver may tell better"},
};

// About remarks of other words.
constexpr std::string_view kLookFurther = "see nvidia-smi and the kernel's log";
// Of these nothing is amiss: not every device can tell everything.
constexpr std::array<std::string_view, 2> kHarmless = {"not supported by this device", "no data yet"};

CheckLine of_remark(const std::string& name, const std::string& remark) {
  const auto stands = [&](std::string_view words) { return remark.find(words) != std::string::npos; };
  const auto* const cure = std::ranges::find_if(kCures, stands, &Cure::words);
  if (cure != kCures.end()) return {name, false, remark, std::string(cure->fix)};
  if (std::ranges::any_of(kHarmless, stands)) return {name, true, remark, ""};
  return {name, false, remark, std::string(kLookFurther)};
}

void check_driver(Os& os, const DeviceReport& report, Lines& lines) {
  const auto version = os.read_text("/proc/driver/nvidia/version", kShortFile);
  const bool node = std::ranges::any_of(os.list_directory("/dev"), [](const std::string& name) { return name.starts_with("nvidia"); });
  if (!report.driver.empty()) {
    lines.push_back({"driver", true, "NVIDIA " + report.driver, ""});
  } else if (version.ok()) {
    lines.push_back({"driver", node, first_line(*version), node ? "" : "no /dev/nvidia* here: start the container with --gpus all"});
  } else {
    lines.push_back({"driver", !node, node ? "device files without a driver" : "none of NVIDIA's: the processor computes",
                     node ? "load it (modprobe nvidia), or install it again after a kernel update" : ""});
  }
}

void check_nvml(const DeviceReport& report, Lines& lines) {
  if (!report.failure) {
    const auto whole = std::ranges::count_if(report.devices, [](const DeviceStatus& d) { return d.name.find('/') == std::string::npos; });
    lines.push_back({"NVML", true, fmt::format("tells of {} device{}", whole, whole == 1 ? "" : "s"), ""});
    return;
  }
  const Error& failure = *report.failure;
  std::string found = failure.what;
  if (!failure.where.empty() && failure.where != "NVML") found += fmt::format(" ({})", failure.where);
  lines.push_back({"NVML", failure.advice.empty(), std::move(found), failure.advice});
}

std::string device_text(const DeviceStatus& device) {
  std::string text = device.model.empty() ? "a device" : device.model;
  if (device.cuda) text += fmt::format(" (cuda:{})", *device.cuda);
  else if (!device.split) text += " (hidden by CUDA_VISIBLE_DEVICES)";
  if (device.lost) return text + ": lost";
  if (device.total && device.free) text += fmt::format(": {} of {} free", format_bytes(*device.free), format_bytes(*device.total));
  if (device.limit) text += fmt::format("; limited to {} by {}", format_bytes(device.limit->most), printable(device.limit->set_by));
  if (device.split) text += "; split into instances (MIG)";
  return text;
}

void check_device(const DeviceStatus& device, Lines& lines) {
  lines.push_back({device.name, !device.lost, device_text(device),
                   device.lost ? "look for Xid in the kernel's log (dmesg | grep -i xid), then reset it or reboot" : ""});
  for (const std::string& remark : device.remarks) lines.push_back(of_remark(device.name, remark));
}

}  // namespace

std::vector<CheckLine> check_devices(Os& os, const DeviceReport& report) {
  Lines lines;
  check_driver(os, report, lines);
  check_nvml(report, lines);
  for (const DeviceStatus& device : report.devices) check_device(device, lines);
  const std::size_t told = report.failure ? 1 : 0;  // as NVML's line
  for (std::size_t i = told; i < report.remarks.size(); ++i) lines.push_back(of_remark("devices", report.remarks[i]));
  return lines;
}

}  // namespace plimsoll::cli
