#pragma once

#include "device/cpu/kernel_table.h"

namespace plimsoll::cpu {

const KernelTable& avx2_kernels();
/// Without native bfloat16.
const KernelTable& avx512_kernels();
/// AVX-512 with AVX512-BF16.
const KernelTable& avx512_bfloat16_kernels();

}  // namespace plimsoll::cpu
