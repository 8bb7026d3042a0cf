#include "device/cuda/driver.h"

#include <algorithm>
#include <array>
#include <utility>

namespace plimsoll::cuda {
namespace {

// A driver runs the kernels of toolkits of its own major version and of older ones.
constexpr int kLeastDriver = CUDA_VERSION / 1000 * 1000;

std::string dotted(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

constexpr std::array kSticky = {CUDA_ERROR_ILLEGAL_ADDRESS,
                                CUDA_ERROR_LAUNCH_FAILED,
                                CUDA_ERROR_LAUNCH_TIMEOUT,
                                CUDA_ERROR_ASSERT,
                                CUDA_ERROR_HARDWARE_STACK_ERROR,
                                CUDA_ERROR_ILLEGAL_INSTRUCTION,
                                CUDA_ERROR_MISALIGNED_ADDRESS,
                                CUDA_ERROR_INVALID_ADDRESS_SPACE,
                                CUDA_ERROR_INVALID_PC,
                                CUDA_ERROR_ECC_UNCORRECTABLE,
                                CUDA_ERROR_NVLINK_UNCORRECTABLE,
                                CUDA_ERROR_EXTERNAL_DEVICE,
                                CUDA_ERROR_DEVICE_UNAVAILABLE,
                                CUDA_ERROR_CONTEXT_IS_DESTROYED,
                                CUDA_ERROR_MPS_CLIENT_TERMINATED,
                                CUDA_ERROR_MPS_RPC_FAILURE,
                                CUDA_ERROR_MPS_SERVER_NOT_READY,
                                CUDA_ERROR_DEINITIALIZED,
                                CUDA_ERROR_UNKNOWN,
                                static_cast<CUresult>(226),   // CUDA_ERROR_CONTAINED, which older headers lack
                                static_cast<CUresult>(721)};  // CUDA_ERROR_TENSOR_MEMORY_LEAK, likewise

ErrorCode code_of(CUresult code) {
  if (is_sticky(code)) return ErrorCode::device_lost;
  switch (code) {
    case CUDA_ERROR_OUT_OF_MEMORY: return ErrorCode::out_of_memory;
    case CUDA_ERROR_NO_DEVICE:
    case CUDA_ERROR_INVALID_DEVICE:
    case CUDA_ERROR_SYSTEM_NOT_READY: return ErrorCode::not_found;
    case CUDA_ERROR_NOT_SUPPORTED:
    case CUDA_ERROR_NO_BINARY_FOR_GPU:
    case CUDA_ERROR_INVALID_PTX:
    case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
    case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE: return ErrorCode::unsupported;
    case CUDA_ERROR_INVALID_VALUE:
    case CUDA_ERROR_INVALID_HANDLE:
    case CUDA_ERROR_INVALID_CONTEXT: return ErrorCode::internal;
    default: return ErrorCode::io;
  }
}

std::string advice_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::device_lost: return "see the kernel's log for Xid errors; this process cannot use the device any more";
    case ErrorCode::out_of_memory: return "use a smaller model, batch or precision, or end what holds its memory";
    case ErrorCode::not_found: return "see nvidia-smi and CUDA_VISIBLE_DEVICES, or use cpu";
    case ErrorCode::unsupported: return "update the driver, or use cpu";
    case ErrorCode::internal: return "please report this";
    default: return "try again";
  }
}

/// All but the optional ones: name and place.
template <typename Visit>
void visit_functions(Functions& f, Visit&& visit) {
  visit("cuInit", f.init);
  visit("cuDriverGetVersion", f.driver_version);
  visit("cuGetErrorName", f.error_name);
  visit("cuDeviceGetCount", f.device_count);
  visit("cuDeviceGet", f.device);
  visit("cuDeviceGetName", f.device_name);
  visit("cuDeviceGetAttribute", f.device_attribute);
  visit("cuDevicePrimaryCtxRetain", f.context_retain);
  visit("cuDevicePrimaryCtxRelease_v2", f.context_release);
  visit("cuCtxSetCurrent", f.context_set);
  visit("cuMemGetInfo_v2", f.memory_info);
  visit("cuMemGetAllocationGranularity", f.granularity);
  visit("cuMemAddressReserve", f.address_reserve);
  visit("cuMemAddressFree", f.address_free);
  visit("cuMemCreate", f.memory_create);
  visit("cuMemRelease", f.memory_release);
  visit("cuMemMap", f.memory_map);
  visit("cuMemUnmap", f.memory_unmap);
  visit("cuMemSetAccess", f.memory_set_access);
  visit("cuMemHostRegister_v2", f.host_register);
  visit("cuMemHostUnregister", f.host_unregister);
  visit("cuMemcpyHtoDAsync_v2", f.copy_in);
  visit("cuMemcpyDtoHAsync_v2", f.copy_out);
  visit("cuMemcpyDtoDAsync_v2", f.copy_within);
  visit("cuStreamCreate", f.stream_create);
  visit("cuStreamDestroy_v2", f.stream_destroy);
  visit("cuStreamQuery", f.stream_query);
  visit("cuStreamWaitEvent", f.stream_wait_event);
  visit("cuEventCreate", f.event_create);
  visit("cuEventDestroy_v2", f.event_destroy);
  visit("cuEventRecord", f.event_record);
  visit("cuEventQuery", f.event_query);
  visit("cuModuleLoadData", f.module_load);
  visit("cuModuleUnload", f.module_unload);
  visit("cuModuleGetFunction", f.module_function);
  visit("cuFuncSetAttribute", f.function_set_attribute);
  visit("cuLaunchKernel", f.launch);
}

}  // namespace

bool is_sticky(CUresult code) { return std::ranges::find(kSticky, code) != kSticky.end(); }

Error failure(const Functions& f, CUresult code, const std::string& what, const std::string& device) {
  const char* name = nullptr;
  if (f.error_name == nullptr || f.error_name(code, &name) != CUDA_SUCCESS || name == nullptr) name = "an unknown error";
  const ErrorCode kind = code_of(code);
  return {kind, what + ": the driver says " + name + " (" + std::to_string(static_cast<int>(code)) + ")", device, advice_for(kind)};
}

const char* find_functions(const Library& library, Functions& functions) {
  const char* missing = nullptr;
  visit_functions(functions, [&](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(library.find(name));
    if (function == nullptr && missing == nullptr) missing = name;
  });
  functions.function_load = reinterpret_cast<decltype(functions.function_load)>(library.find("cuFuncLoad"));
  return missing;
}

Result<std::shared_ptr<const Driver>> Driver::load(Os& os, const std::string& name) {
  std::shared_ptr<Driver> driver(new Driver());
  auto library = os.load_library(name);
  if (!library.ok()) {
    Error error = std::move(library).error();
    error.advice = "install NVIDIA's driver for CUDA " + dotted(kLeastDriver) + " or later, or use cpu";
    return error;
  }
  driver->library_ = std::move(library).value();
  Functions& f = driver->functions_;
  if (const char* missing = find_functions(*driver->library_, f); missing != nullptr) {
    return Error{ErrorCode::unsupported, std::string("the driver's library has no ") + missing, name,
                 "install the driver for CUDA " + dotted(kLeastDriver) + " or later, or use cpu"};
  }
  if (const CUresult code = f.init(0); code != CUDA_SUCCESS) {
    Error error = failure(f, code, "the driver does not start", name);
    if (error.code == ErrorCode::device_lost) error.code = ErrorCode::io;  // nothing was there yet that could be lost
    return error;
  }
  if (const CUresult code = f.driver_version(&driver->version_); code != CUDA_SUCCESS)
    return failure(f, code, "the driver does not tell its version", name);
  if (driver->version_ < kLeastDriver) {
    return Error{ErrorCode::unsupported,
                 "the driver supports CUDA " + dotted(driver->version_) + " and this build needs " + dotted(kLeastDriver), name,
                 "update the driver, build with an older CUDA toolkit, or use cpu"};
  }
  return std::shared_ptr<const Driver>(std::move(driver));
}

}  // namespace plimsoll::cuda
