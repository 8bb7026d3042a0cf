#pragma once

#include <immintrin.h>

#include <cstdint>

#include "device/cpu/simd_inline.h"

namespace plimsoll::cpu {

/// Eight float32 lanes of AVX2, FMA and F16C. Included only by files compiled for them. See simd_avx512.h.
struct Avx2 {
  using Vector = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kTileRows = 6;
  static constexpr int kTileVectors = 2;

  [[gnu::always_inline]] inline static __m256i mask(std::int64_t n) {
    const int lanes = n > 8 ? 8 : static_cast<int>(n);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }

  [[gnu::always_inline]] inline static Vector zero() { return _mm256_setzero_ps(); }
  [[gnu::always_inline]] inline static Vector set(float x) { return _mm256_set1_ps(x); }
  [[gnu::always_inline]] inline static Vector broadcast(const void* p) { return _mm256_set1_ps(load_unaligned<float>(p)); }
  [[gnu::always_inline]] inline static Vector load(const void* p) { return _mm256_loadu_ps(static_cast<const float*>(p)); }
  [[gnu::always_inline]] inline static void store(void* p, Vector v) { _mm256_storeu_ps(static_cast<float*>(p), v); }
  [[gnu::always_inline]] inline static Vector load(const void* p, std::int64_t n) {
    return n >= 8 ? load(p) : _mm256_maskload_ps(static_cast<const float*>(p), mask(n));
  }
  [[gnu::always_inline]] inline static void store(void* p, Vector v, std::int64_t n) {
    if (n >= 8) store(p, v);
    else _mm256_maskstore_ps(static_cast<float*>(p), mask(n), v);
  }

  [[gnu::always_inline]] inline static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  [[gnu::always_inline]] inline static Vector sub(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
  [[gnu::always_inline]] inline static Vector mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  [[gnu::always_inline]] inline static Vector div(Vector a, Vector b) { return _mm256_div_ps(a, b); }
  [[gnu::always_inline]] inline static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  [[gnu::always_inline]] inline static Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  [[gnu::always_inline]] inline static Vector min(Vector a, Vector b) { return _mm256_min_ps(a, b); }
  [[gnu::always_inline]] inline static Vector round(Vector a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  [[gnu::always_inline]] inline static Vector scale_by_power(Vector a, Vector n) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(a, _mm256_castsi256_ps(exponent));
  }
  [[gnu::always_inline]] inline static Vector keep_first(Vector a, std::int64_t n, float other) {
    return _mm256_blendv_ps(_mm256_set1_ps(other), a, _mm256_castsi256_ps(mask(n)));
  }
  [[gnu::always_inline]] inline static float sum(Vector a) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  [[gnu::always_inline]] inline static float highest(Vector a) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }

  [[gnu::always_inline]] inline static Vector load_bfloat16(const void* p, std::int64_t n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_halves(p, n)), 16));
  }
  [[gnu::always_inline]] inline static Vector load_float16(const void* p, std::int64_t n) { return _mm256_cvtph_ps(load_halves(p, n)); }
  [[gnu::always_inline]] inline static void store_bfloat16(void* p, Vector v, std::int64_t n) {
    const __m256i bits = bfloat16_bits(v);
    store_halves(p, _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1)), n);
  }
  [[gnu::always_inline]] inline static void store_float16(void* p, Vector v, std::int64_t n) {
    store_halves(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), n);
  }
  [[gnu::always_inline]] inline static Vector pair(Vector even, Vector odd) {
    return _mm256_castsi256_ps(_mm256_or_si256(bfloat16_bits(even), _mm256_slli_epi32(bfloat16_bits(odd), 16)));
  }
  [[gnu::always_inline]] inline static Vector pair_exact(Vector even, Vector odd) {
    return _mm256_castsi256_ps(_mm256_or_si256(_mm256_srli_epi32(_mm256_castps_si256(even), 16), _mm256_castps_si256(odd)));
  }
  [[gnu::always_inline]] inline static Vector pair_even(Vector pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16));
  }
  [[gnu::always_inline]] inline static Vector pair_odd(Vector pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(pairs), _mm256_set1_epi32(static_cast<int>(0xffff0000U))));
  }
  [[gnu::always_inline]] inline static void deinterleave(Vector low, Vector high, Vector& even, Vector& odd) {
    const __m256d evens = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0x88));
    const __m256d odds = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0xdd));
    even = _mm256_castpd_ps(_mm256_permute4x64_pd(evens, 0xd8));
    odd = _mm256_castpd_ps(_mm256_permute4x64_pd(odds, 0xd8));
  }

  [[gnu::always_inline]] inline static void transpose(Vector (&v)[8]) {
    Vector t[8];
    for (int i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
      v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
      v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);
      t[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31);
    }
    for (int i = 0; i < 8; ++i) v[i] = t[i];
  }

 private:
  [[gnu::always_inline]] inline static __m128i load_halves(const void* p, std::int64_t n) {
    __m128i halves = _mm_setzero_si128();
    std::memcpy(&halves, p, n >= 8 ? 16 : static_cast<std::size_t>(n) * 2);
    return halves;
  }
  [[gnu::always_inline]] inline static void store_halves(void* p, __m128i halves, std::int64_t n) {
    std::memcpy(p, &halves, n >= 8 ? 16 : static_cast<std::size_t>(n) * 2);
  }
  [[gnu::always_inline]] inline static __m256i bfloat16_bits(Vector v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256 not_a_number = _mm256_cmp_ps(v, v, _CMP_UNORD_Q);
    const __m256 chosen = _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), not_a_number);
    return _mm256_srli_epi32(_mm256_castps_si256(chosen), 16);
  }
};

struct Avx2Float32 {
  using Simd = Avx2;
  static constexpr bool kPairs = false;
  [[gnu::always_inline]] inline static __m256 dot(__m256 a, __m256 b, __m256 acc) { return _mm256_fmadd_ps(a, b, acc); }
};

}  // namespace plimsoll::cpu
