#include "device/cpu/dispatch.h"
#include "device/cpu/x86_kernels.h"

namespace plimsoll {

CpuFeatures detect_cpu_features() {
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  if (avx512) return CpuFeatures{Isa::avx512, __builtin_cpu_supports("avx512bf16") != 0};
  // Every processor with AVX2 and FMA has F16C too.
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return CpuFeatures{Isa::avx2, false};
  return CpuFeatures{};
}

namespace cpu {

const KernelTable* kernels_for(CpuFeatures features) {
  const CpuFeatures detected = detect_cpu_features();
  if (features.isa > detected.isa || (features.native_bfloat16 && !detected.native_bfloat16)) return nullptr;
  switch (features.isa) {
    case Isa::portable: return &portable_kernels();
    case Isa::avx2: return &avx2_kernels();
    case Isa::avx512: return features.native_bfloat16 ? &avx512_bfloat16_kernels() : &avx512_kernels();
  }
  return nullptr;
}

}  // namespace cpu
}  // namespace plimsoll
