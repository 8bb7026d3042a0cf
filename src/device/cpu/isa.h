#pragma once

#include <cstdint>
#include <string_view>

#include <plimsoll/result.h>

namespace plimsoll {

/// Instruction sets that the kernels are compiled for, from the least on. `portable` is the compiler's own vector code:
/// NEON on ARM, SSE2 on x86-64.
enum class Isa : std::uint8_t { portable, avx2, avx512 };

/// What kernels may use. Results are the same in every bit only at the same features.
struct CpuFeatures {
  Isa isa = Isa::portable;
  bool native_bfloat16 = false;  ///< bfloat16 pairs are multiplied and summed in float32 by one instruction
  friend bool operator==(const CpuFeatures&, const CpuFeatures&) = default;
};

/// The best features that this processor and its operating system allow.
CpuFeatures detect_cpu_features();

/// `detected`, limited to `cap`: "avx512_bf16", "avx512", "avx2" or "portable" (the value of PLIMSOLL_ISA, read by the caller);
/// empty limits nothing. "avx512" keeps native bfloat16. A cap above what the processor has changes nothing. Any
/// other word is `usage`.
Result<CpuFeatures> cap_cpu_features(CpuFeatures detected, std::string_view cap);

/// "portable", "avx2", "avx512" or "avx512_bf16", as in reports.
std::string_view cpu_features_name(CpuFeatures features);

}  // namespace plimsoll
