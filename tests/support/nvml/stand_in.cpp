// The functions that every driver has had, in their first versions.
#include "stand_in.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

namespace stand_in {
namespace {

constexpr int kInsufficientSize = 7;
constexpr int kInstances = 100;

bool speaks_of(const Line& line, const char* key, int device) {
  return line.key == key && (line.device == "*" || line.device == std::to_string(device));
}

}  // namespace

std::vector<Line> read_script() {
  std::vector<Line> lines;
  const char* path = std::getenv("NVML_STAND_IN");
  std::ifstream file(path == nullptr ? "/dev/null" : path);
  for (std::string text; std::getline(file, text);) {
    std::istringstream words(text);
    Line line;
    words >> line.key >> line.device;
    for (std::string word; words >> word;) line.words.push_back(word);
    if (!line.key.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

int act(const char* function, int device) {
  for (;;) {
    int code = 0;
    bool hangs = false;
    for (const Line& line : read_script()) {
      if (!speaks_of(line, function, device) || line.words.empty()) continue;
      hangs = hangs || line.words[0] == "hang";
      if (line.words[0] == "error" && line.words.size() > 1) code = std::atoi(line.words[1].c_str());
    }
    if (!hangs) return code;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::vector<std::vector<std::string>> find_all(const char* key, int device) {
  std::vector<std::vector<std::string>> found;
  for (Line& line : read_script()) {
    if (speaks_of(line, key, device)) found.push_back(std::move(line.words));
  }
  return found;
}

std::optional<std::vector<std::string>> find(const char* key, int device) {
  auto all = find_all(key, device);
  return all.empty() ? std::nullopt : std::optional(std::move(all.back()));
}

U64 number(const char* key, int device, std::size_t at, U64 otherwise) {
  const auto words = find(key, device);
  return words && words->size() > at ? std::strtoull((*words)[at].c_str(), nullptr, 0) : otherwise;
}

int device_of(Handle handle) { return static_cast<int>(reinterpret_cast<std::uintptr_t>(handle)) - 1; }
Handle handle_of(int device) { return reinterpret_cast<Handle>(static_cast<std::uintptr_t>(device) + 1); }

int copy_text(const std::string& text, char* out, U32 size) {
  if (text.size() + 1 > size) return kInsufficientSize;
  std::memcpy(out, text.c_str(), text.size() + 1);
  return 0;
}

namespace {

U64 devices() {
  for (const Line& line : read_script()) {
    if (line.key == "devices") return std::strtoull(line.device.c_str(), nullptr, 0);
  }
  return 0;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// One number of a device, in a call of the usual form.
int give(const char* function, Handle handle, U32* out, U64 value) {
  const int code = act(function, device_of(handle));
  if (code == 0) *out = static_cast<U32>(value);
  return code;
}

struct Process {
  U32 pid;
  U64 used;
};

}  // namespace
}  // namespace stand_in

// The names and layouts are the library's own.
using namespace stand_in;

extern "C" {

int nvmlInit_v2() { return act("Init", -1); }
int nvmlShutdown() { return act("Shutdown", -1); }
int nvmlSystemGetDriverVersion(char* out, U32 size) {
  const int code = act("SystemGetDriverVersion", -1);
  return code != 0 ? code : copy_text("999.42", out, size);
}
int nvmlDeviceGetCount_v2(U32* out) {
  const int code = act("DeviceGetCount", -1);
  *out = static_cast<U32>(devices());
  return code;
}
int nvmlDeviceGetHandleByIndex_v2(U32 index, Handle* out) {
  const int code = act("DeviceGetHandleByIndex", static_cast<int>(index));
  *out = handle_of(static_cast<int>(index));
  return code;
}
int nvmlDeviceGetUUID(Handle handle, char* out, U32 size) {
  const int device = device_of(handle);
  if (const int code = act("DeviceGetUUID", device); code != 0) return code;
  const auto words = find("uuid", device);
  const std::string made = device < kInstances ? "GPU-0000000" + std::to_string(device) + "-1111-2222-3333-444455556666"
                                               : "MIG-0000" + std::to_string(device) + "-1111-2222-3333-444455556666";
  return copy_text(words ? joined(*words) : made, out, size);
}
int nvmlDeviceGetName(Handle handle, char* out, U32 size) {
  const int device = device_of(handle);
  if (const int code = act("DeviceGetName", device); code != 0) return code;
  const auto words = find("model", device);
  return copy_text(words ? joined(*words) : device < kInstances ? "NVIDIA A100-SXM4-40GB" : "NVIDIA A100-SXM4-40GB MIG 1g.5gb", out, size);
}
int nvmlDeviceGetMemoryInfo(Handle handle, U64* out) {
  const int device = device_of(handle);
  if (const int code = act("DeviceGetMemoryInfo", device); code != 0) return code;
  const U64 total = number("memory", device, 0, U64{40} << 30U);
  out[0] = total;
  out[1] = number("memory", device, 1, total - (U64{450} << 20U));
  out[2] = number("memory", device, 2, U64{450} << 20U);
  return 0;
}
int nvmlDeviceGetBAR1MemoryInfo(Handle handle, U64* out) {
  const int code = act("DeviceGetBAR1MemoryInfo", device_of(handle));
  out[0] = U64{64} << 30U;
  out[1] = U64{63} << 30U;
  out[2] = U64{1} << 30U;
  return code;
}
int nvmlDeviceGetComputeRunningProcesses(Handle handle, U32* count, void* out) {
  const int device = device_of(handle);
  if (const int code = act("DeviceGetComputeRunningProcesses", device); code != 0) return code;
  const auto all = find_all("process", device);
  const bool fits = all.size() <= *count;
  *count = static_cast<U32>(all.size());
  if (!fits) return kInsufficientSize;
  auto* processes = static_cast<Process*>(out);
  for (const auto& words : all) *processes++ = {static_cast<U32>(std::stoul(words.at(0))), std::stoull(words.at(1), nullptr, 0)};
  return 0;
}
int nvmlDeviceGetUtilizationRates(Handle handle, U32* out) {
  const int device = device_of(handle);
  out[1] = 7;
  return give("DeviceGetUtilizationRates", handle, out, number("utilisation", device, 0, 0));
}
int nvmlDeviceGetTemperature(Handle handle, int, U32* out) {
  return give("DeviceGetTemperature", handle, out, number("temperature", device_of(handle), 0, 34));
}
int nvmlDeviceGetPowerUsage(Handle handle, U32* out) {
  return give("DeviceGetPowerUsage", handle, out, number("milliwatts", device_of(handle), 0, 52300));
}
int nvmlDeviceGetEnforcedPowerLimit(Handle handle, U32* out) { return give("DeviceGetEnforcedPowerLimit", handle, out, 400000); }
int nvmlDeviceGetCurrPcieLinkGeneration(Handle handle, U32* out) { return give("DeviceGetCurrPcieLinkGeneration", handle, out, 4); }
int nvmlDeviceGetCurrPcieLinkWidth(Handle handle, U32* out) { return give("DeviceGetCurrPcieLinkWidth", handle, out, 16); }
int nvmlDeviceGetPcieThroughput(Handle handle, int counter, U32* out) {
  return give("DeviceGetPcieThroughput", handle, out, counter == 0 ? 1500 : 1200000);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(Handle handle, U64* out) {
  const int code = act("DeviceGetCurrentClocksThrottleReasons", device_of(handle));
  *out = number("throttle", device_of(handle), 0, 1);
  return code;
}
int nvmlDeviceGetTotalEccErrors(Handle handle, int kind, int, U64* out) {
  const int code = act("DeviceGetTotalEccErrors", device_of(handle));
  *out = kind == 0 ? number("ecc", device_of(handle), 0, 0) : 0;
  return code;
}

}  // extern "C"
