#include "device/cpu/dispatch.h"

namespace plimsoll {

CpuFeatures detect_cpu_features() { return CpuFeatures{}; }

namespace cpu {

const KernelTable* kernels_for(CpuFeatures features) { return features == CpuFeatures{} ? &portable_kernels() : nullptr; }

}  // namespace cpu
}  // namespace plimsoll
