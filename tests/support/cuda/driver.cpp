// The driver's functions that the back end uses, and no others.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "../../device/cuda/emulator/emulator.h"
#include "stand_in.h"

using cuda_stand_in::begin;
using cuda_stand_in::can_hold;
using cuda_stand_in::Memory;
using cuda_stand_in::push;
using cuda_stand_in::run;
using cuda_stand_in::Stream;
using cuda_stand_in::World;
using cuda_stand_in::world;

namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

struct Event {
  Stream* stream = nullptr;
  std::uint64_t position = 0;
};

struct Module {
  int unused = 0;
};

Stream& stream_of(CUstream handle) { return *reinterpret_cast<Stream*>(handle); }
Event& event_of(CUevent handle) { return *reinterpret_cast<Event*>(handle); }

/// Where the script has nothing against the call, and a context is there if it needs one.
CUresult enter(const char* function, bool needs_context = true) {
  if (const CUresult code = begin(function); code != CUDA_SUCCESS) return code;
  return needs_context && world().current < 0 ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
}

bool is_mapped(std::uintptr_t begin_at, std::size_t size) {
  for (std::uintptr_t page = begin_at / kPage * kPage; page < begin_at + size; page += kPage) {
    if (!world().mapped.contains(page)) return false;
  }
  return true;
}

enum class Host { pageable, pinned, crosses };

Host kind_of(const void* host, std::size_t size) {
  const auto first = reinterpret_cast<std::uintptr_t>(host);
  for (const auto& [from, end] : world().registered) {
    if (first >= from && first + size <= end) return Host::pinned;
    if (first < end && first + size > from) return Host::crosses;
  }
  return Host::pageable;
}

void drop(std::uint64_t number) {
  const auto found = world().blocks.find(number);
  if (found != world().blocks.end() && !found->second.held && found->second.mappings == 0) world().blocks.erase(found);
}

/// What a stream has to do is done first where the host's memory is not pinned, and at once.
CUresult copy(CUstream handle, const void* host, std::size_t size, CUdeviceptr there, void* to, const void* from) {
  const Host kind = kind_of(host, size);
  if (kind == Host::crosses || !is_mapped(there, size)) return CUDA_ERROR_INVALID_VALUE;
  Stream& stream = stream_of(handle);
  push(stream, [to, from, size] {
    std::memcpy(to, from, size);
    return begin("copied");
  });
  if (kind == Host::pageable) run(stream, stream.queued);
  return world().sticky;
}

}  // namespace

CUresult cuInit(unsigned) { return begin("cuInit"); }
CUresult cuDriverGetVersion(int* version) {
  *version = world().version;
  return begin("cuDriverGetVersion");
}
CUresult cuGetErrorName(CUresult error, const char** name) {
  *name = error == CUDA_ERROR_OUT_OF_MEMORY     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == CUDA_ERROR_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                                : "CUDA_ERROR";
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int* count) {
  *count = world().devices;
  return begin("cuDeviceGetCount");
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  *device = ordinal;
  return begin("cuDeviceGet");
}
CUresult cuDeviceGetName(char* name, int size, CUdevice) {
  std::strncpy(name, "Stand-in GPU", static_cast<std::size_t>(size));
  return begin("cuDeviceGetName");
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = world().major; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = world().minor; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 4; break;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *value = 1'000'000; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = 99 << 10; break;
    case CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED: *value = 1; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return begin("cuDeviceGetAttribute");
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = begin("cuDevicePrimaryCtxRetain"); code != CUDA_SUCCESS) return code;
  if (world().contexts[device] == 0 && !can_hold(world().context, device)) return CUDA_ERROR_OUT_OF_MEMORY;
  ++world().contexts[device];
  *context = reinterpret_cast<CUcontext>(static_cast<std::uintptr_t>(device) + 1);
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  const std::scoped_lock lock(world().mutex);
  --world().contexts[device];
  return begin("cuDevicePrimaryCtxRelease");
}
CUresult cuCtxSetCurrent(CUcontext context) {
  world().current = static_cast<int>(reinterpret_cast<std::uintptr_t>(context)) - 1;
  return begin("cuCtxSetCurrent");
}

CUresult cuMemGetInfo(std::size_t* free, std::size_t* total) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemGetInfo"); code != CUDA_SUCCESS) return code;
  const World& w = world();
  std::size_t taken = w.used + w.context;
  for (const auto& [number, block] : w.blocks) taken += block.device == w.current ? block.size : 0;
  *total = w.memory;
  *free = taken < w.memory ? w.memory - taken : 0;
  return CUDA_SUCCESS;
}
CUresult cuMemGetAllocationGranularity(std::size_t* granularity, const CUmemAllocationProp*, CUmemAllocationGranularity_flags) {
  *granularity = kPage;
  return enter("cuMemGetAllocationGranularity");
}
CUresult cuMemAddressReserve(CUdeviceptr* address, std::size_t size, std::size_t, CUdeviceptr, unsigned long long) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemAddressReserve"); code != CUDA_SUCCESS) return code;
  if (size % kPage != 0) return CUDA_ERROR_INVALID_VALUE;
  void* range = ::mmap(nullptr, size + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  *address = (reinterpret_cast<std::uintptr_t>(range) + kPage - 1) / kPage * kPage;
  world().reserved[*address] = size;
  return CUDA_SUCCESS;
}
CUresult cuMemAddressFree(CUdeviceptr address, std::size_t size) {
  const std::scoped_lock lock(world().mutex);
  const auto found = world().reserved.find(address);
  if (found == world().reserved.end() || found->second != size) return CUDA_ERROR_INVALID_VALUE;
  ::munmap(reinterpret_cast<void*>(address), size);
  world().reserved.erase(found);
  return CUDA_SUCCESS;
}
CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, std::size_t size, const CUmemAllocationProp* kind, unsigned long long) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemCreate"); code != CUDA_SUCCESS) return code;
  if (size == 0 || size % kPage != 0 || kind->type != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  if (!can_hold(size, kind->location.id)) return CUDA_ERROR_OUT_OF_MEMORY;
  *handle = world().next_block++;
  world().blocks[*handle] = Memory{size, kind->location.id, true, 0};
  return CUDA_SUCCESS;
}
CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  const std::scoped_lock lock(world().mutex);
  const auto found = world().blocks.find(handle);
  if (found == world().blocks.end() || !found->second.held) return CUDA_ERROR_INVALID_VALUE;
  found->second.held = false;
  drop(handle);
  return CUDA_SUCCESS;
}
CUresult cuMemMap(CUdeviceptr address, std::size_t size, std::size_t offset, CUmemGenericAllocationHandle handle, unsigned long long) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemMap"); code != CUDA_SUCCESS) return code;
  const auto found = world().blocks.find(handle);
  const auto range = world().reserved.upper_bound(address);
  if (range == world().reserved.begin()) return CUDA_ERROR_INVALID_VALUE;
  const auto& [from, room] = *std::prev(range);
  if (found == world().blocks.end() || offset != 0 || size != kPage || found->second.size != size || address % kPage != 0 ||
      address + size > from + room || world().mapped.contains(address))
    return CUDA_ERROR_INVALID_VALUE;
  ++found->second.mappings;
  world().mapped[address] = handle;
  return CUDA_SUCCESS;
}
CUresult cuMemUnmap(CUdeviceptr address, std::size_t size) {
  const std::scoped_lock lock(world().mutex);
  const auto found = world().mapped.find(address);
  if (found == world().mapped.end() || size != kPage) return CUDA_ERROR_INVALID_VALUE;
  const std::uint64_t number = found->second;
  --world().blocks[number].mappings;
  world().mapped.erase(found);
  ::mmap(reinterpret_cast<void*>(address), size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  drop(number);
  return CUDA_SUCCESS;
}
CUresult cuMemSetAccess(CUdeviceptr address, std::size_t size, const CUmemAccessDesc*, std::size_t) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemSetAccess"); code != CUDA_SUCCESS) return code;
  if (!is_mapped(address, size)) return CUDA_ERROR_INVALID_VALUE;
  return ::mprotect(reinterpret_cast<void*>(address), size, PROT_READ | PROT_WRITE) == 0 ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemHostRegister(void* host, std::size_t size, unsigned) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemHostRegister"); code != CUDA_SUCCESS) return code;
  if (kind_of(host, size) != Host::pageable) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  world().registered[reinterpret_cast<std::uintptr_t>(host)] = reinterpret_cast<std::uintptr_t>(host) + size;
  return CUDA_SUCCESS;
}
CUresult cuMemHostUnregister(void* host) {
  const std::scoped_lock lock(world().mutex);
  return world().registered.erase(reinterpret_cast<std::uintptr_t>(host)) == 1 ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t size, CUstream stream) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemcpyHtoDAsync"); code != CUDA_SUCCESS) return code;
  return copy(stream, from, size, to, reinterpret_cast<void*>(to), from);
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t size, CUstream stream) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemcpyDtoHAsync"); code != CUDA_SUCCESS) return code;
  return copy(stream, to, size, from, to, reinterpret_cast<const void*>(from));
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, std::size_t size, CUstream stream) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuMemcpyDtoDAsync"); code != CUDA_SUCCESS) return code;
  if (!is_mapped(to, size) || !is_mapped(from, size)) return CUDA_ERROR_INVALID_VALUE;
  push(stream_of(stream), [to, from, size] {
    std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), size);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream* stream, unsigned) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuStreamCreate"); code != CUDA_SUCCESS) return code;
  auto* made = new Stream;
  world().streams.push_back(made);
  *stream = reinterpret_cast<CUstream>(made);
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy(CUstream stream) {
  const std::scoped_lock lock(world().mutex);
  run(stream_of(stream), stream_of(stream).queued);
  std::erase(world().streams, &stream_of(stream));
  return CUDA_SUCCESS;  // its place stays: events may still refer to it
}
CUresult cuStreamQuery(CUstream stream) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuStreamQuery"); code != CUDA_SUCCESS) return code;
  Stream& asked = stream_of(stream);
  run(asked, std::min(asked.queued, asked.done + 1));
  if (world().sticky != CUDA_SUCCESS) return world().sticky;
  return asked.done < asked.queued || world().hangs ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuStreamWaitEvent"); code != CUDA_SUCCESS) return code;
  const Event awaited = event_of(event);
  if (awaited.stream == nullptr) return CUDA_SUCCESS;
  push(stream_of(stream), [awaited] {
    run(*awaited.stream, awaited.position);
    return world().sticky;
  });
  return CUDA_SUCCESS;
}
CUresult cuEventCreate(CUevent* event, unsigned) {
  if (const CUresult code = enter("cuEventCreate"); code != CUDA_SUCCESS) return code;
  *event = reinterpret_cast<CUevent>(new Event);
  return CUDA_SUCCESS;
}
CUresult cuEventDestroy(CUevent event) {
  delete &event_of(event);
  return CUDA_SUCCESS;
}
CUresult cuEventRecord(CUevent event, CUstream stream) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuEventRecord"); code != CUDA_SUCCESS) return code;
  event_of(event) = {&stream_of(stream), stream_of(stream).queued};
  return CUDA_SUCCESS;
}
CUresult cuEventQuery(CUevent event) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuEventQuery"); code != CUDA_SUCCESS) return code;
  const Event& asked = event_of(event);
  if (asked.stream == nullptr) return CUDA_SUCCESS;
  run(*asked.stream, asked.position);
  if (world().sticky != CUDA_SUCCESS) return world().sticky;
  return asked.stream->done < asked.position ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  if (const CUresult code = enter("cuModuleLoadData"); code != CUDA_SUCCESS) return code;
  // What fat binaries begin with.
  static constexpr std::uint32_t kMagic = 0xba55ed50U;
  std::uint32_t magic = 0;
  std::memcpy(&magic, image, sizeof magic);
  if (magic != kMagic) return CUDA_ERROR_INVALID_IMAGE;
  *module = reinterpret_cast<CUmodule>(new Module);
  return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule module) {
  delete reinterpret_cast<Module*>(module);
  return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction* function, CUmodule, const char* name) {
  if (const CUresult code = enter("cuModuleGetFunction"); code != CUDA_SUCCESS) return code;
  const auto* found = plimsoll::emulator::find_kernel(name);
  *function = reinterpret_cast<CUfunction>(const_cast<plimsoll::emulator::EmulatedKernel*>(found));
  return found == nullptr ? CUDA_ERROR_NOT_FOUND : CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) { return enter("cuFuncSetAttribute"); }
CUresult cuFuncLoad(CUfunction) { return enter("cuFuncLoad"); }

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned, unsigned threads, unsigned, unsigned,
                        unsigned shared_bytes, CUstream stream, void** arguments, void**) {
  const std::scoped_lock lock(world().mutex);
  if (const CUresult code = enter("cuLaunchKernel"); code != CUDA_SUCCESS) return code;
  const auto& kernel = *reinterpret_cast<const plimsoll::emulator::EmulatedKernel*>(function);
  if (grid_x == 0 || grid_y == 0 || grid_y > 65535 || threads == 0 || threads > 1024 || threads % 32 != 0 || shared_bytes > 99U << 10U)
    return CUDA_ERROR_INVALID_VALUE;
  // The driver copies arguments as well.
  const auto* bytes = static_cast<const std::byte*>(arguments[0]);
  std::vector<std::byte> argument(bytes, bytes + kernel.argument_bytes);
  ++world().launches;
  push(stream_of(stream), [grid_x, grid_y, threads, shared_bytes, body = kernel.body, argument = std::move(argument)] {
    if (const CUresult code = begin("execute"); code != CUDA_SUCCESS) return code;
    const bool ended = plimsoll::emulator::run_grid(grid_x, grid_y, threads, shared_bytes, body, argument.data());
    return ended ? CUDA_SUCCESS : CUDA_ERROR_LAUNCH_TIMEOUT;
  });
  return CUDA_SUCCESS;
}
