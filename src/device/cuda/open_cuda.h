#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "device/device.h"

namespace plimsoll {

/// What a CUDA device is opened with. CUDA_VISIBLE_DEVICES is the driver's own affair: numbers count what it leaves.
struct CudaOptions {
  Os* os = nullptr;
  int number = 0;                    ///< N of cuda:N
  std::optional<Bytes> memory = {};  ///< most that it gives out; it then is a device of this size. Nothing: all that is free
  Bytes free_before = {};  ///< free on the device before this process used it; zero: unknown, so that the context counts as others'
  double patience = kDevicePatience;
  std::string driver = "libcuda.so.1";
  std::vector<std::string> blas = {"libcublasLt.so.13", "libcublasLt.so.12"};  ///< the first that is there
};

/// What the driver says of a device.
struct CudaTraits {
  std::string model;
  int major = 0;  ///< of its compute capability
  int minor = 0;
  int multiprocessors = 0;
  double clock = 0;  ///< hertz, of the multiprocessors
};

struct OpenedCuda {
  std::unique_ptr<Device> device;
  CudaTraits traits;
};

/// Opens cuda:N: loads the driver and cuBLASLt, makes the context, loads every kernel, multiplies once, so that all that the libraries keep
/// is taken before anything is planned (`DeviceMemoryState::context`). What the options point to outlives the device. Fails with
/// `unsupported` (this build has no CUDA; the driver or the device is too old), `not_found` (no driver, no such device, no cuBLASLt),
/// `out_of_memory` (no room for the context), `io`.
Result<OpenedCuda> open_cuda(const CudaOptions& options);

/// How many devices the driver shows this process. Fails as `open_cuda`: `not_found` where there is no driver or no device.
Result<int> count_cuda(Os& os, const std::string& driver = "libcuda.so.1");

}  // namespace plimsoll
