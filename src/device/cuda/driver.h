#pragma once

#include <cuda.h>

#include <memory>
#include <string>

#include <plimsoll/os.h>

namespace plimsoll::cuda {

/// Functions of the driver, in the versions that cuda.h declares; all are there once it is loaded, but for `func_load`.
struct Functions {
  decltype(&::cuInit) init = nullptr;
  decltype(&::cuDriverGetVersion) driver_version = nullptr;
  decltype(&::cuGetErrorName) error_name = nullptr;
  decltype(&::cuDeviceGetCount) device_count = nullptr;
  decltype(&::cuDeviceGet) device = nullptr;
  decltype(&::cuDeviceGetName) device_name = nullptr;
  decltype(&::cuDeviceGetAttribute) device_attribute = nullptr;
  decltype(&::cuDevicePrimaryCtxRetain) context_retain = nullptr;
  decltype(&::cuDevicePrimaryCtxRelease) context_release = nullptr;
  decltype(&::cuCtxSetCurrent) context_set = nullptr;
  decltype(&::cuMemGetInfo) memory_info = nullptr;
  decltype(&::cuMemGetAllocationGranularity) granularity = nullptr;
  decltype(&::cuMemAddressReserve) address_reserve = nullptr;
  decltype(&::cuMemAddressFree) address_free = nullptr;
  decltype(&::cuMemCreate) memory_create = nullptr;
  decltype(&::cuMemRelease) memory_release = nullptr;
  decltype(&::cuMemMap) memory_map = nullptr;
  decltype(&::cuMemUnmap) memory_unmap = nullptr;
  decltype(&::cuMemSetAccess) memory_set_access = nullptr;
  decltype(&::cuMemHostRegister) host_register = nullptr;
  decltype(&::cuMemHostUnregister) host_unregister = nullptr;
  decltype(&::cuMemcpyHtoDAsync) copy_in = nullptr;
  decltype(&::cuMemcpyDtoHAsync) copy_out = nullptr;
  decltype(&::cuMemcpyDtoDAsync) copy_within = nullptr;
  decltype(&::cuStreamCreate) stream_create = nullptr;
  decltype(&::cuStreamDestroy) stream_destroy = nullptr;
  decltype(&::cuStreamQuery) stream_query = nullptr;
  decltype(&::cuStreamWaitEvent) stream_wait_event = nullptr;
  decltype(&::cuEventCreate) event_create = nullptr;
  decltype(&::cuEventDestroy) event_destroy = nullptr;
  decltype(&::cuEventRecord) event_record = nullptr;
  decltype(&::cuEventQuery) event_query = nullptr;
  decltype(&::cuModuleLoadData) module_load = nullptr;
  decltype(&::cuModuleUnload) module_unload = nullptr;
  decltype(&::cuModuleGetFunction) module_function = nullptr;
  decltype(&::cuFuncSetAttribute) function_set_attribute = nullptr;
  decltype(&::cuFuncLoad) function_load = nullptr;  ///< null in drivers before 12.4
  decltype(&::cuLaunchKernel) launch = nullptr;
};

/// The driver's library, started.
class Driver {
 public:
  /// Fails with `not_found` (no such library, no driver, no device), `unsupported` (older than this build's kernels, a function is missing)
  /// or `io`.
  static Result<std::shared_ptr<const Driver>> load(Os& os, const std::string& name);

  const Functions& f() const { return functions_; }
  int version() const { return version_; }  ///< of CUDA that it supports: 13000 is 13.0

 private:
  Driver() = default;
  std::shared_ptr<Library> library_;
  Functions functions_;
  int version_ = 0;
};

/// Finds all functions of `library`. Gives the name of one that is missing, or null.
const char* find_functions(const Library& library, Functions& functions);

/// What a failed call means (device.h): `what` could not be done on `device`. `device_lost` for all errors after which the driver refuses
/// every call in this context, whatever is tried.
Error failure(const Functions& f, CUresult code, const std::string& what, const std::string& device);
bool is_sticky(CUresult code);

}  // namespace plimsoll::cuda
