#pragma once

#include <cstdint>

#include "device/device.h"

namespace plimsoll {

struct CudaTraits;

/// Bytes of workspace that the CUDA kernels need for any step within `needs`: cuBLASLt's. A pure function, in every build: plans for such a
/// device are made without one.
std::int64_t cuda_workspace_bytes(const WorkspaceNeeds& needs);

/// What a device reaches in products of a pass and in copies, by its generation: a table, until somebody measures.
struct CudaRates {
  double float32_flops = 0;  ///< operations a second, without TF32
  double bfloat16_flops = 0;
  double link = 0;  ///< bytes a second to pinned memory and back
  double latency = 0;
};
CudaRates cuda_rates(const CudaTraits& traits);

}  // namespace plimsoll
