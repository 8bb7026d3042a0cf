#pragma once

#include "device/cpu/isa.h"
#include "device/cpu/kernel_table.h"

namespace plimsoll::cpu {

/// The kernels compiled for `features`, or null where this program has none for them or the processor lacks them.
const KernelTable* kernels_for(CpuFeatures features);

}  // namespace plimsoll::cpu
