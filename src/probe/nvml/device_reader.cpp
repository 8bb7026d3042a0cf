#include "probe/nvml/device_reader.h"

#include <algorithm>
#include <array>
#include <utility>

namespace plimsoll::nvml {
namespace {

// What a CUDA context with its libraries takes beside any plan (0.2 to 1.1 GiB were seen; what is beyond this is part of plans).
constexpr Bytes kMargin = mib(256);
// Where figures contradict each other, this share of the device is left instead.
constexpr std::uint64_t kDoubtShare = 8;
// No device is larger (1 PiB).
constexpr std::uint64_t kLargest = std::uint64_t{1} << 50U;
// free + used + reserved may miss the total by this share.
constexpr std::uint64_t kNoise = 16;
constexpr std::uint32_t kMostProcesses = 4096;
// Readings beyond these are none.
constexpr std::uint32_t kHottest = 200;
constexpr double kMostWatts = 1e5;
constexpr std::uint32_t kMostInstances = 64;

struct Throttle {
  U64 bit;
  std::string_view name;
};
// "Idle" and the clocks that an application or a display asked for hold nothing down.
constexpr std::array<Throttle, 8> kThrottles = {{{0x4, "power cap"},
                                                 {0x8, "hardware slowdown"},
                                                 {0x10, "sync boost"},
                                                 {0x20, "thermal limit"},
                                                 {0x40, "hardware thermal limit"},
                                                 {0x80, "power brake"},
                                                 {0x200, "board limit"},
                                                 {0x400, "reliability"}}};

bool is_gone(Code code) {
  return code == Code::late || code == Code::not_made || code == Code::gpu_is_lost || code == Code::reset_required;
}

bool plausible(const MemoryV2& memory) {
  return memory.total > 0 && memory.total <= kLargest && memory.free <= memory.total && memory.used <= memory.total;
}

}  // namespace

bool DeviceReader::note(std::string_view what, Code code) {
  if (code == Code::success) return true;
  if (is_gone(code)) gone_ = true;
  if (code == Code::late) late_ = driver_.late();
  if (code == Code::gpu_is_lost) status_.lost = true;
  std::string& list = unknown_[code];
  if (list.find(what) == std::string::npos) list += (list.empty() ? "" : ", ") + std::string(what);
  return false;
}

template <typename T, typename Call>
std::optional<T> DeviceReader::get(std::string_view what, bool exists, Call call) {
  if (gone_) return std::nullopt;
  T value{};
  if (!note(what, driver_.ask(exists, value, std::move(call)))) return std::nullopt;
  return value;
}

template <typename Call>
void DeviceReader::get_text(std::string_view what, bool exists, std::uint32_t size, std::string& out, Call call) {
  if (!gone_) static_cast<void>(note(what, driver_.ask_text(exists, size, out, std::move(call))));
}

template <typename To>
void DeviceReader::get_number(std::string_view what, int (*function)(Handle, U32*), std::optional<To>& out) {
  const auto value = get<U32>(what, function != nullptr, [function, d = device_](U32& number) { return function(d, &number); });
  if (value) out = static_cast<To>(*value);
}

void DeviceReader::read_name() {
  get_text("UUID", f_.uuid != nullptr, kUuidSize, status_.uuid,
           [f = f_.uuid, d = device_](char* text, U32 size) { return f(d, text, size); });
  get_text("name", f_.name != nullptr, kNameSize, status_.model,
           [f = f_.name, d = device_](char* text, U32 size) { return f(d, text, size); });
  const auto pci = get<Pci>("PCI address", f_.pci != nullptr, [f = f_.pci, d = device_](Pci& place) { return f(d, &place); });
  if (!pci) return;
  const std::string_view id(pci->bus_id, sizeof pci->bus_id);
  status_.pci = printable(id.substr(0, id.find('\0')), sizeof pci->bus_id);
}

bool DeviceReader::judge(const MemoryV2& memory) {
  if (!plausible(memory)) return false;
  status_.total = Bytes{memory.total};
  status_.free = Bytes{memory.free};
  status_.margin = kMargin;
  // `used` holds the reserved part, or does not.
  const std::uint64_t rest = memory.total - memory.free;
  const std::uint64_t off = std::max(rest, memory.used) - std::min(rest, memory.used);
  const std::uint64_t reserved = memory.reserved <= memory.total ? memory.reserved : 0;
  if (std::min(off, std::max(off, reserved) - std::min(off, reserved)) <= memory.total / kNoise) return true;
  status_.margin = std::max(kMargin, Bytes{memory.total / kDoubtShare});
  status_.free = Bytes{std::min(memory.free, memory.total - memory.used)};
  status_.remarks.push_back("memory: the driver's figures contradict each other (" + format_bytes(Bytes{memory.free}) + " free and " +
                            format_bytes(Bytes{memory.used}) + " used of " + format_bytes(Bytes{memory.total}) +
                            "): the lesser counts, and a margin of " + format_bytes(status_.margin) + " is left");
  return true;
}

void DeviceReader::read_memory() {
  if (gone_) return;
  MemoryV2 memory;
  Code code = driver_.ask(f_.memory_v2 != nullptr, memory, [f = f_.memory_v2, d = device_](MemoryV2& m) { return f(d, &m); });
  if (code == Code::success && judge(memory)) {
    if (memory.reserved <= memory.total) status_.reserved = Bytes{memory.reserved};
    return;
  }
  if (!is_gone(code)) {
    MemoryV1 old;
    const Code older = driver_.ask(f_.memory_v1 != nullptr, old, [f = f_.memory_v1, d = device_](MemoryV1& m) { return f(d, &m); });
    const MemoryV2 same{0, old.total, 0, old.free, old.used};
    if (older == Code::success && judge(same)) return;
    if (code != Code::success) code = older;
    if (older == Code::success) memory = same;
  }
  if (code == Code::success) {
    status_.remarks.push_back("memory is unknown: the driver's figures make no sense (" + std::to_string(memory.free) + " bytes free of " +
                              std::to_string(memory.total) + ")");
  } else if (code == Code::not_supported) {
    status_.remarks.emplace_back(
        "memory is unknown: not supported by this device, which may share the host's: then what is available to cpu counts");
  } else {
    static_cast<void>(note("memory", code));
  }
}

void DeviceReader::read_limits(std::span<const std::string> groups) {
  struct Asked {
    std::string group;
    MemoryLimits limits;
  };
  for (const std::string& group : groups) {
    if (gone_ || f_.memory_limits == nullptr || !status_.free) return;
    Asked asked{group, {}};
    const Code code = driver_.ask(true, asked, [f = f_.memory_limits, d = device_](Asked& a) {
      a.limits.group = a.group.c_str();
      return f(d, &a.limits);
    });
    if (is_gone(code)) static_cast<void>(note("memory limits", code));
    if (code != Code::success || asked.limits.most > kLargest) continue;
    const Bytes room = saturating_sub(Bytes{asked.limits.most}, Bytes{asked.limits.used});
    if (status_.limit && saturating_sub(status_.limit->most, status_.limit->used) <= room) continue;
    status_.limit = {Bytes{asked.limits.most}, Bytes{asked.limits.guaranteed}, Bytes{asked.limits.used}, group};
    status_.free = std::min(*status_.free, room);
  }
}

void DeviceReader::add_process(std::uint32_t pid, std::uint64_t used) {
  auto& all = status_.processes;
  auto found = std::ranges::find(all, static_cast<std::int64_t>(pid), &ProcessStatus::pid);
  if (found == all.end()) {
    all.push_back({});
    found = all.end() - 1;
    found->pid = pid;
  }
  // One process may be in several lists, each with all that it has.
  if (used <= kLargest) found->used = std::max(found->used.value_or(Bytes{}), Bytes{used});
}

template <typename Process>
bool DeviceReader::list(std::string_view what, int (*function)(Handle, U32*, Process*), int (*older)(Handle, U32*, ProcessV1*)) {
  struct Listing {
    U32 count = 0;
    std::vector<Process> processes;
  };
  if (function == nullptr) {
    if constexpr (!std::is_same_v<Process, ProcessV1>) return list<ProcessV1>(what, older, nullptr);
  }
  const auto listing = get<Listing>(what, function != nullptr, [function, d = device_](Listing& out) {
    // Twice and a little more than was said: processes come and go.
    static constexpr int kTries = 3;
    int code = 0;
    for (int tries = 0; tries < kTries; ++tries) {
      out.processes.assign(std::min(2 * out.count + 16, kMostProcesses), Process{});
      out.count = static_cast<U32>(out.processes.size());
      code = function(d, &out.count, out.processes.data());
      if (code != static_cast<int>(Code::insufficient_size)) break;
    }
    out.processes.resize(std::min<std::size_t>(out.count, out.processes.size()));
    return code;
  });
  if (!listing) return false;
  for (const Process& process : listing->processes) add_process(process.pid, process.used);
  return true;
}

void DeviceReader::read_process_utilisation() {
  struct Samples {
    U32 count = 0;
    std::vector<ProcessSample> all;
  };
  if (gone_ || status_.processes.empty() || f_.process_utilization == nullptr) return;
  Samples samples;
  // Not a word where there are none: that is so while nothing computes.
  static_cast<void>(driver_.ask(true, samples, [f = f_.process_utilization, d = device_](Samples& out) {
    out.all.assign(kMostProcesses, ProcessSample{});
    out.count = kMostProcesses;
    const int code = f(d, out.all.data(), &out.count, 0);
    out.all.resize(std::min<std::size_t>(out.count, out.all.size()));
    return code;
  }));
  std::map<std::uint32_t, ProcessSample> newest;
  for (const ProcessSample& sample : samples.all) {
    ProcessSample& kept = newest[sample.pid];
    if (sample.timestamp >= kept.timestamp && sample.sm <= 100) kept = sample;
  }
  for (ProcessStatus& process : status_.processes) {
    const auto found = newest.find(static_cast<std::uint32_t>(process.pid));
    if (found != newest.end()) process.utilisation = static_cast<int>(found->second.sm);
  }
}

void DeviceReader::read_processes() {
  const bool listed = list<ProcessV2>("processes", f_.compute_processes, f_.compute_processes_v1);
  if (listed) {
    static_cast<void>(list<ProcessV2>("graphics processes", f_.graphics_processes, f_.graphics_processes_v1));
    if (f_.mps_processes != nullptr || f_.mps_processes_v1 != nullptr)
      static_cast<void>(list<ProcessV2>("MPS processes", f_.mps_processes, f_.mps_processes_v1));
    read_process_utilisation();
  }
  std::ranges::stable_sort(status_.processes, std::greater(), [](const ProcessStatus& p) { return p.used.value_or(Bytes{}); });
}

void DeviceReader::read_power() {
  std::optional<double> milliwatts;
  get_number("power", f_.power, milliwatts);
  if (milliwatts && *milliwatts / 1e3 <= kMostWatts) status_.power = *milliwatts / 1e3;
  milliwatts.reset();
  get_number("power limit", f_.power_limit, milliwatts);
  if (milliwatts && *milliwatts / 1e3 <= kMostWatts) status_.power_limit = *milliwatts / 1e3;
}

void DeviceReader::read_pcie() {
  get_number("PCIe", f_.pcie_generation, status_.pcie_generation);
  get_number("PCIe", f_.pcie_width, status_.pcie_width);
  for (const auto& [counter, out] : {std::pair{kPcieSent, &status_.pcie_sent}, {kPcieReceived, &status_.pcie_received}}) {
    const auto kilobytes = get<U32>("PCIe traffic", f_.pcie_throughput != nullptr,
                                    [f = f_.pcie_throughput, d = device_, which = counter](U32& rate) { return f(d, which, &rate); });
    if (kilobytes) *out = *kilobytes * 1e3;
  }
}

void DeviceReader::read_errors() {
  struct Rows {
    U32 corrected = 0;
    U32 uncorrected = 0;
    U32 pending = 0;
    U32 failed = 0;
  };
  for (const auto& [kind, out] : {std::pair{kCorrected, &status_.ecc_corrected}, {kUncorrected, &status_.ecc_uncorrected}}) {
    *out = get<U64>("ECC errors", f_.ecc_errors != nullptr,
                    [f = f_.ecc_errors, d = device_, which = kind](U64& count) { return f(d, which, kVolatile, &count); });
  }
  const auto rows = get<Rows>("remapped rows", f_.remapped_rows != nullptr, [f = f_.remapped_rows, d = device_](Rows& r) {
    return f(d, &r.corrected, &r.uncorrected, &r.pending, &r.failed);
  });
  if (!rows) return;
  status_.remapped_rows = static_cast<int>(rows->corrected + rows->uncorrected);
  status_.remap_pending = rows->pending != 0;
  if (rows->failed != 0) status_.remarks.emplace_back("rows of its memory could not be remapped: it should be replaced");
}

void DeviceReader::read_health() {
  const auto busy = get<Utilization>("utilisation", f_.utilization != nullptr,
                                     [f = f_.utilization, d = device_](Utilization& rates) { return f(d, &rates); });
  if (busy && busy->gpu <= 100) status_.utilisation = static_cast<int>(busy->gpu);
  const auto degrees = get<U32>("temperature", f_.temperature != nullptr,
                                [f = f_.temperature, d = device_](U32& value) { return f(d, kTemperatureOfGpu, &value); });
  if (degrees && *degrees <= kHottest) status_.temperature = static_cast<int>(*degrees);
  read_power();
  read_pcie();
  const auto reasons = get<U64>("throttle reasons", f_.throttle_reasons != nullptr,
                                [f = f_.throttle_reasons, d = device_](U64& bits) { return f(d, &bits); });
  if (reasons) {
    status_.throttled.emplace();
    for (const Throttle& throttle : kThrottles) {
      if ((*reasons & throttle.bit) != 0) status_.throttled->emplace_back(throttle.name);
    }
  }
  read_errors();
  const auto bar1 = get<Bar1>("BAR1", f_.bar1 != nullptr, [f = f_.bar1, d = device_](Bar1& window) { return f(d, &window); });
  if (!bar1 || bar1->total > kLargest || bar1->used > bar1->total) return;
  status_.bar1_total = Bytes{bar1->total};
  status_.bar1_used = Bytes{bar1->used};
}

std::vector<Handle> DeviceReader::read_instances() {
  struct Mode {
    U32 current = 0;
    U32 pending = 0;
  };
  std::vector<Handle> handles;
  Mode mode;
  if (gone_ || f_.mig_handle == nullptr || f_.mig_count == nullptr) return handles;
  // Devices that cannot be split say so by an error.
  const Code code =
      driver_.ask(f_.mig_mode != nullptr, mode, [f = f_.mig_mode, d = device_](Mode& m) { return f(d, &m.current, &m.pending); });
  if (is_gone(code)) static_cast<void>(note("MIG mode", code));
  if (code != Code::success || mode.current == 0) return handles;
  status_.split = true;
  const auto most = get<U32>("MIG instances", true, [f = f_.mig_count, d = device_](U32& count) { return f(d, &count); });
  for (U32 i = 0; i < std::min(most.value_or(0), kMostInstances) && !gone_; ++i) {
    Handle handle = nullptr;
    const Code found = driver_.ask(true, handle, [f = f_.mig_handle, d = device_, i](Handle& h) { return f(d, i, &h); });
    if (found == Code::success && handle != nullptr) handles.push_back(handle);
    else if (is_gone(found)) static_cast<void>(note("MIG instances", found));
  }
  return handles;
}

void DeviceReader::read_place(const std::string& parent) {
  const auto gpu = get<U32>("instance", f_.gpu_instance != nullptr, [f = f_.gpu_instance, d = device_](U32& id) { return f(d, &id); });
  const auto compute =
      get<U32>("instance", f_.compute_instance != nullptr, [f = f_.compute_instance, d = device_](U32& id) { return f(d, &id); });
  if (gpu && compute) status_.mig = parent + "/" + std::to_string(*gpu) + "/" + std::to_string(*compute);
}

void DeviceReader::finish() {
  for (const auto& [code, what] : unknown_) {
    const bool all = is_gone(code);
    const bool many = what.find(',') != std::string::npos;
    status_.remarks.push_back((all ? what + " and what comes after it are" : what + (many ? " are" : " is")) +
                              " unknown: " + reason(code, driver_.patience()));
  }
}

}  // namespace plimsoll::nvml
