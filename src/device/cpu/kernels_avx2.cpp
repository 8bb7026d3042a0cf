#include "device/cpu/attention-inl.h"
#include "device/cpu/linear-inl.h"
#include "device/cpu/peak-inl.h"
#include "device/cpu/prepare-inl.h"
#include "device/cpu/rows-inl.h"
#include "device/cpu/simd_avx2.h"
#include "device/cpu/x86_kernels.h"

namespace plimsoll::cpu {

const KernelTable& avx2_kernels() {
  static constexpr KernelTable kTable = {
      .linear = linear_item<Avx2Float32>,
      .attention = attention_item<Avx2Float32>,
      .layer_norm = layer_norm_rows<Avx2>,
      .embed = embed_rows<Avx2>,
      .prepare = prepare_rows<Avx2>,
      .peak_float32 = peak_rounds<Avx2Float32>,
      .read = read_all<Avx2>,
  };
  return kTable;
}

}  // namespace plimsoll::cpu
