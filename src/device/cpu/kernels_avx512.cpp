#include "device/cpu/attention-inl.h"
#include "device/cpu/linear-inl.h"
#include "device/cpu/peak-inl.h"
#include "device/cpu/prepare-inl.h"
#include "device/cpu/rows-inl.h"
#include "device/cpu/simd_avx512.h"
#include "device/cpu/x86_kernels.h"

namespace plimsoll::cpu {

const KernelTable& avx512_kernels() {
  static constexpr KernelTable kTable = {
      .linear = linear_item<Avx512Float32>,
      .attention = attention_item<Avx512Float32>,
      .layer_norm = layer_norm_rows<Avx512>,
      .embed = embed_rows<Avx512>,
      .prepare = prepare_rows<Avx512>,
      .peak_float32 = peak_rounds<Avx512Float32>,
      .read = read_all<Avx512>,
  };
  return kTable;
}

}  // namespace plimsoll::cpu
