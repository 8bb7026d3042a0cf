#pragma once

#include <cstdint>

/// What of NVIDIA's management library is used, declared from its reference manual. Layouts are part of its binary interface.
namespace plimsoll::nvml {

using Handle = void*;    ///< of a device
using EventSet = void*;  ///< of events that are waited for

/// nvmlReturn_t, and what can keep a call from returning one.
enum class Code : int {
  no_memory = -3,
  not_made = -2,
  late = -1,
  success = 0,
  uninitialized = 1,
  invalid_argument = 2,
  not_supported = 3,
  no_permission = 4,
  not_found = 6,
  insufficient_size = 7,
  insufficient_power = 8,
  driver_not_loaded = 9,
  timeout = 10,
  irq_issue = 11,
  library_not_found = 12,
  function_not_found = 13,
  corrupted_inforom = 14,
  gpu_is_lost = 15,
  reset_required = 16,
  operating_system = 17,
  version_mismatch = 18,
  in_use = 19,
  memory = 20,
  no_data = 21,
  unknown = 999,
};

struct MemoryV1 {
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  std::uint64_t used = 0;
};

struct MemoryV2 {
  std::uint32_t version = 0x02000028;
  std::uint64_t total = 0;
  std::uint64_t reserved = 0;
  std::uint64_t free = 0;
  std::uint64_t used = 0;
};

/// Of one control group.
struct MemoryLimits {
  const char* group = nullptr;  ///< in: the full path of its folder
  std::uint64_t guaranteed = 0;
  std::uint64_t most = 0;  ///< kNotAvailable: no limit
  std::uint64_t used = 0;
};

/// BAR1, which maps device memory for the host.
struct Bar1 {
  std::uint64_t total = 0;
  std::uint64_t free = 0;
  std::uint64_t used = 0;
};

struct Utilization {
  std::uint32_t gpu = 0;
  std::uint32_t memory = 0;
};

struct ProcessV1 {
  std::uint32_t pid = 0;
  std::uint64_t used = 0;
};

/// Of versions 2 and 3 of the calls.
struct ProcessV2 {
  std::uint32_t pid = 0;
  std::uint64_t used = 0;
  std::uint32_t instance = 0;
  std::uint32_t compute_instance = 0;
};

struct ProcessSample {
  std::uint32_t pid = 0;
  std::uint64_t timestamp = 0;
  std::uint32_t sm = 0;
  std::uint32_t memory = 0;
  std::uint32_t encoder = 0;
  std::uint32_t decoder = 0;
};

struct Pci {
  char legacy_bus_id[16] = {};
  std::uint32_t domain = 0;
  std::uint32_t bus = 0;
  std::uint32_t device = 0;
  std::uint32_t id = 0;
  std::uint32_t subsystem_id = 0;
  char bus_id[32] = {};
};

struct Event {
  Handle device = nullptr;
  std::uint64_t type = 0;
  std::uint64_t data = 0;
  std::uint32_t instance = 0;
  std::uint32_t compute_instance = 0;
};

static_assert(sizeof(MemoryV1) == 24 && sizeof(MemoryV2) == 40 && sizeof(MemoryLimits) == 32 && sizeof(Bar1) == 24 &&
              sizeof(Utilization) == 8);
static_assert(sizeof(ProcessV1) == 16 && sizeof(ProcessV2) == 24 && sizeof(ProcessSample) == 32 && sizeof(Pci) == 68 &&
              sizeof(Event) == 32);

inline constexpr int kTemperatureOfGpu = 0;
inline constexpr int kPcieSent = 0;
inline constexpr int kPcieReceived = 1;
inline constexpr int kCorrected = 0;
inline constexpr int kUncorrected = 1;
inline constexpr int kVolatile = 0;  ///< counted since the driver was loaded
inline constexpr std::uint64_t kXidEvent = 8;
inline constexpr std::uint64_t kNotAvailable = ~std::uint64_t{0};
inline constexpr std::uint32_t kNoInstance = ~std::uint32_t{0};
inline constexpr std::uint32_t kUuidSize = 96;
inline constexpr std::uint32_t kNameSize = 96;
inline constexpr std::uint32_t kVersionSize = 80;

}  // namespace plimsoll::nvml
