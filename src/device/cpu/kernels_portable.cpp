#include "device/cpu/attention-inl.h"
#include "device/cpu/linear-inl.h"
#include "device/cpu/peak-inl.h"
#include "device/cpu/prepare-inl.h"
#include "device/cpu/rows-inl.h"
#include "device/cpu/simd_portable.h"

namespace plimsoll::cpu {

const KernelTable& portable_kernels() {
  static constexpr KernelTable kTable = {
      .linear = linear_item<PortableFloat32>,
      .attention = attention_item<PortableFloat32>,
      .layer_norm = layer_norm_rows<Portable>,
      .embed = embed_rows<Portable>,
      .prepare = prepare_rows<Portable>,
      .peak_float32 = peak_rounds<PortableFloat32>,
      .read = read_all<Portable>,
  };
  return kTable;
}

}  // namespace plimsoll::cpu
