#include "device/cpu/isa.h"

#include <algorithm>
#include <string>

namespace plimsoll {

Result<CpuFeatures> cap_cpu_features(CpuFeatures detected, std::string_view cap) {
  if (cap.empty()) return detected;
  Isa limit{};
  if (cap == "portable") limit = Isa::portable;
  else if (cap == "avx2") limit = Isa::avx2;
  else if (cap == "avx512" || cap == "avx512_bf16") limit = Isa::avx512;
  else
    return Error{ErrorCode::usage, "unknown instruction set \"" + printable(cap, 40) + "\"", "PLIMSOLL_ISA",
                 "use avx512, avx2 or portable"};
  const Isa isa = std::min(detected.isa, limit);
  return CpuFeatures{isa, detected.native_bfloat16 && isa == detected.isa};
}

std::string_view cpu_features_name(CpuFeatures features) {
  switch (features.isa) {
    case Isa::portable: return "portable";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return features.native_bfloat16 ? "avx512_bf16" : "avx512";
  }
  return "unknown";
}

}  // namespace plimsoll
