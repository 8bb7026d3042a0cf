#pragma once

#include <immintrin.h>

#include <cstdint>

#include "device/cpu/simd_inline.h"

namespace plimsoll::cpu {

/// Sixteen float32 lanes of AVX-512 (F, BW, DQ, VL). Included only by files compiled for it. The same names exist in
/// simd_avx2.h and simd_portable.h; kernels are templates over one of the three.
struct Avx512 {
  using Vector = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kTileRows = 6;     ///< rows of the largest register tile
  static constexpr int kTileVectors = 4;  ///< vectors of outputs in a register tile

  static __mmask16 mask(std::int64_t n) { return n >= 16 ? __mmask16{0xffff} : static_cast<__mmask16>((1U << n) - 1U); }

  [[gnu::always_inline]] inline static Vector zero() { return _mm512_setzero_ps(); }
  [[gnu::always_inline]] inline static Vector set(float x) { return _mm512_set1_ps(x); }
  [[gnu::always_inline]] inline static Vector broadcast(const void* p) { return _mm512_set1_ps(load_unaligned<float>(p)); }
  [[gnu::always_inline]] inline static Vector load(const void* p) { return _mm512_loadu_ps(p); }
  [[gnu::always_inline]] inline static void store(void* p, Vector v) { _mm512_storeu_ps(p, v); }
  /// The first n lanes (0 <= n <= 16, more is all); the others read as zero and are not touched.
  [[gnu::always_inline]] inline static Vector load(const void* p, std::int64_t n) { return _mm512_maskz_loadu_ps(mask(n), p); }
  [[gnu::always_inline]] inline static void store(void* p, Vector v, std::int64_t n) { _mm512_mask_storeu_ps(p, mask(n), v); }

  [[gnu::always_inline]] inline static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  [[gnu::always_inline]] inline static Vector sub(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  [[gnu::always_inline]] inline static Vector mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  [[gnu::always_inline]] inline static Vector div(Vector a, Vector b) { return _mm512_div_ps(a, b); }
  [[gnu::always_inline]] inline static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  /// Where one of the two is not a number, b.
  [[gnu::always_inline]] inline static Vector max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  [[gnu::always_inline]] inline static Vector min(Vector a, Vector b) { return _mm512_min_ps(a, b); }
  [[gnu::always_inline]] inline static Vector round(Vector a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /// a * 2^n for a whole n in [-126, 127].
  [[gnu::always_inline]] inline static Vector scale_by_power(Vector a, Vector n) { return _mm512_scalef_ps(a, n); }
  [[gnu::always_inline]] inline static Vector keep_first(Vector a, std::int64_t n, float other) {
    return _mm512_mask_blend_ps(mask(n), _mm512_set1_ps(other), a);
  }
  [[gnu::always_inline]] inline static float sum(Vector a) { return _mm512_reduce_add_ps(a); }
  [[gnu::always_inline]] inline static float highest(Vector a) { return _mm512_reduce_max_ps(a); }

  [[gnu::always_inline]] inline static Vector load_bfloat16(const void* p, std::int64_t n) {
    const __m256i half = _mm256_maskz_loadu_epi16(mask(n), p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  [[gnu::always_inline]] inline static Vector load_float16(const void* p, std::int64_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask(n), p));
  }
  /// Rounded to nearest even; a value that is not a number stays one.
  [[gnu::always_inline]] inline static void store_bfloat16(void* p, Vector v, std::int64_t n) {
    _mm256_mask_storeu_epi16(p, mask(n), _mm512_cvtepi32_epi16(bfloat16_bits(v)));
  }
  [[gnu::always_inline]] inline static void store_float16(void* p, Vector v, std::int64_t n) {
    _mm256_mask_storeu_epi16(p, mask(n), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  /// Lane i holds the bfloat16 of even[i] below the bfloat16 of odd[i].
  [[gnu::always_inline]] inline static Vector pair(Vector even, Vector odd) {
    return _mm512_castsi512_ps(_mm512_or_si512(bfloat16_bits(even), _mm512_slli_epi32(bfloat16_bits(odd), 16)));
  }
  /// As `pair`, for values that are bfloat16 already.
  [[gnu::always_inline]] inline static Vector pair_exact(Vector even, Vector odd) {
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(even), 16), _mm512_castps_si512(odd)));
  }
  [[gnu::always_inline]] inline static Vector pair_even(Vector pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
  }
  [[gnu::always_inline]] inline static Vector pair_odd(Vector pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
  }
  /// Splits 32 consecutive values into those at even and those at odd places.
  [[gnu::always_inline]] inline static void deinterleave(Vector low, Vector high, Vector& even, Vector& odd) {
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    even = _mm512_permutex2var_ps(low, evens, high);
    odd = _mm512_permutex2var_ps(low, odds, high);
  }

  /// Transposes 16 x 16 lanes in place: four rounds of exchanging ever larger squares.
  [[gnu::always_inline]] inline static void transpose(Vector (&v)[16]) {
    Vector t[16];
    for (int i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
      v[i] = lows(t[i], t[i + 2]);
      v[i + 1] = highs(t[i], t[i + 2]);
      v[i + 2] = lows(t[i + 1], t[i + 3]);
      v[i + 3] = highs(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
      t[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd);
      t[i + 8] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);
      t[i + 12] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
      v[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
      v[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
      v[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
  }

 private:
  [[gnu::always_inline]] inline static Vector lows(Vector a, Vector b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  [[gnu::always_inline]] inline static Vector highs(Vector a, Vector b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  [[gnu::always_inline]] inline static __m512i bfloat16_bits(Vector v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 not_a_number = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_srli_epi32(_mm512_mask_blend_epi32(not_a_number, rounded, quiet), 16);
  }
};

/// acc + a * b, one product a lane.
struct Avx512Float32 {
  using Simd = Avx512;
  static constexpr bool kPairs = false;
  [[gnu::always_inline]] inline static __m512 dot(__m512 a, __m512 b, __m512 acc) { return _mm512_fmadd_ps(a, b, acc); }
};

}  // namespace plimsoll::cpu
