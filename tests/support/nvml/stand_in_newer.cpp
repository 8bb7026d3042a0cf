// What later drivers added: reserved memory, graphics and MPS processes, MIG, events.
#include <atomic>
#include <cstring>

#include "stand_in.h"

using namespace stand_in;

namespace {

constexpr int kInsufficientSize = 7;
constexpr int kTimeout = 10;
constexpr int kNotFound = 6;

struct Memory {
  U32 version;
  U64 total;
  U64 reserved;
  U64 free;
  U64 used;
};

struct MemoryLimits {
  const char* group;
  U64 guaranteed;
  U64 most;
  U64 used;
};

struct Process {
  U32 pid;
  U64 used;
  U32 instance;
  U32 compute_instance;
};

struct Sample {
  U32 pid;
  U64 timestamp;
  U32 sm;
  U32 memory;
  U32 encoder;
  U32 decoder;
};

struct Event {
  Handle device;
  U64 type;
  U64 data;
  U32 instance;
  U32 compute_instance;
};

int list(const char* function, const char* key, Handle handle, U32* count, Process* out) {
  const int device = device_of(handle);
  if (const int code = act(function, device); code != 0) return code;
  const auto all = find_all(key, device);
  const bool fits = all.size() <= *count;
  *count = static_cast<U32>(all.size());
  if (!fits) return kInsufficientSize;
  for (const auto& words : all) *out++ = {static_cast<U32>(std::stoul(words.at(0))), std::stoull(words.at(1), nullptr, 0), ~0U, ~0U};
  return 0;
}

}  // namespace

extern "C" {

int nvmlDeviceGetMemoryInfo_v2(Handle handle, Memory* out) {
  const int device = device_of(handle);
  if (const int code = act("DeviceGetMemoryInfo_v2", device); code != 0) return code;
  if (out->version != 0x02000028) return 25;
  out->total = number("memory", device, 0, U64{40} << 30U);
  out->free = number("memory", device, 1, out->total - (U64{450} << 20U));
  out->used = number("memory", device, 2, 0);
  out->reserved = number("memory", device, 3, U64{450} << 20U);
  return 0;
}
int nvmlDeviceGetMemoryLimits_v1(Handle handle, MemoryLimits* out) {
  const int device = device_of(handle);
  if (const int code = act("DeviceGetMemoryLimits", device); code != 0) return code;
  for (const auto& words : find_all("limit", device)) {
    if (words.at(0) != out->group) continue;
    out->guaranteed = std::stoull(words.at(1), nullptr, 0);
    out->most = std::stoull(words.at(2), nullptr, 0);
    out->used = std::stoull(words.at(3), nullptr, 0);
    return 0;
  }
  return kNotFound;
}
int nvmlDeviceGetComputeRunningProcesses_v3(Handle handle, U32* count, Process* out) {
  return list("DeviceGetComputeRunningProcesses", "process", handle, count, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(Handle handle, U32* count, Process* out) {
  return list("DeviceGetGraphicsRunningProcesses", "graphics", handle, count, out);
}
int nvmlDeviceGetMPSComputeRunningProcesses_v3(Handle handle, U32* count, Process* out) {
  return list("DeviceGetMPSComputeRunningProcesses", "mps", handle, count, out);
}
int nvmlDeviceGetProcessUtilization(Handle handle, Sample* out, U32* count, U64) {
  const int device = device_of(handle);
  const auto all = find_all("process", device);
  if (all.empty()) return kNotFound;
  *count = static_cast<U32>(all.size());
  for (const auto& words : all) *out++ = {static_cast<U32>(std::stoul(words.at(0))), 1, 42, 0, 0, 0};
  return 0;
}
int nvmlDeviceGetPciInfo_v3(Handle handle, char* out) {
  if (const int code = act("DeviceGetPciInfo", device_of(handle)); code != 0) return code;
  std::memset(out, 0, 68);
  std::strcpy(out + 36, ("00000000:0" + std::to_string(device_of(handle) % 10) + ":00.0").c_str());
  return 0;
}
int nvmlDeviceGetRemappedRows(Handle handle, U32* corrected, U32* uncorrected, U32* pending, U32* failed) {
  *corrected = *uncorrected = *pending = *failed = 0;
  return act("DeviceGetRemappedRows", device_of(handle));
}
int nvmlDeviceGetMigMode(Handle handle, U32* current, U32* pending) {
  *current = *pending = number("mig", device_of(handle), 0, 0) > 0 ? 1 : 0;
  return act("DeviceGetMigMode", device_of(handle));
}
int nvmlDeviceGetMaxMigDeviceCount(Handle, U32* out) {
  *out = 7;
  return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Handle handle, U32 index, Handle* out) {
  const int device = device_of(handle);
  if (index >= number("mig", device, 0, 0)) return kNotFound;
  *out = handle_of(100 * (device + 1) + static_cast<int>(index));
  return 0;
}
int nvmlDeviceGetGpuInstanceId(Handle handle, U32* out) {
  *out = 7 + static_cast<U32>(device_of(handle) % 100);
  return 0;
}
int nvmlDeviceGetComputeInstanceId(Handle, U32* out) {
  *out = 0;
  return 0;
}
int nvmlEventSetCreate(Handle* out) {
  *out = handle_of(0);
  return act("EventSetCreate", -1);
}
int nvmlDeviceRegisterEvents(Handle handle, U64, Handle) { return act("DeviceRegisterEvents", device_of(handle)); }
int nvmlEventSetWait_v2(Handle, Event* out, U32) {
  // Each line of the script once.
  static std::atomic<std::size_t> delivered{0};
  std::size_t at = 0;
  for (const Line& line : read_script()) {
    if (line.key != "xid" || at++ < delivered) continue;
    ++delivered;
    *out = {handle_of(std::stoi(line.device)), 8, std::stoull(line.words.at(0)), ~0U, ~0U};
    return 0;
  }
  return kTimeout;
}

}  // extern "C"
