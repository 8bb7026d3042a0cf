#include "device/cpu/attention-inl.h"
#include "device/cpu/linear-inl.h"
#include "device/cpu/peak-inl.h"
#include "device/cpu/simd_avx512.h"
#include "device/cpu/x86_kernels.h"

namespace plimsoll::cpu {
namespace {

/// A type of its own: templates over it are compiled with AVX512-BF16 and must not stand in for those over Avx512.
struct Avx512Native : Avx512 {
  /// Rounded to nearest even; subnormals become zero.
  [[gnu::always_inline]] inline static void store_bfloat16(void* p, Vector v, std::int64_t n) {
    _mm256_mask_storeu_epi16(p, mask(n), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
};

/// acc + a[0] b[0] + a[1] b[1] in each lane; subnormals count as zero.
struct Avx512Bfloat16 {
  using Simd = Avx512Native;
  static constexpr bool kPairs = true;
  [[gnu::always_inline]] inline static __m512 dot(__m512 a, __m512 b, __m512 acc) {
    return _mm512_dpbf16_ps(acc, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

KernelTable make_table() {
  KernelTable table = avx512_kernels();
  table.linear_bfloat16 = linear_item<Avx512Bfloat16>;
  table.attention_bfloat16 = attention_item<Avx512Bfloat16>;
  table.peak_bfloat16 = peak_rounds<Avx512Bfloat16>;
  return table;
}

}  // namespace

const KernelTable& avx512_bfloat16_kernels() {
  static const KernelTable kTable = make_table();
  return kTable;
}

}  // namespace plimsoll::cpu
