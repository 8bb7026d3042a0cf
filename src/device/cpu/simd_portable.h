#pragma once

#include <cmath>
#include <cstdint>

#include "device/cpu/simd_inline.h"
#include "weights/convert.h"

namespace plimsoll::cpu {

/// Four float32 lanes in the compiler's own vector type: NEON on ARM, SSE2 on any x86-64. See simd_avx512.h.
struct Portable {
  typedef float Vector __attribute__((vector_size(16)));  // NOLINT(modernize-use-using): the attribute needs it
  static constexpr int kLanes = 4;
  static constexpr int kTileRows = 4;
  static constexpr int kTileVectors = 2;

  [[gnu::always_inline]] inline static Vector zero() { return Vector{0, 0, 0, 0}; }
  [[gnu::always_inline]] inline static Vector set(float x) { return Vector{x, x, x, x}; }
  [[gnu::always_inline]] inline static Vector broadcast(const void* p) { return set(load_unaligned<float>(p)); }
  [[gnu::always_inline]] inline static Vector load(const void* p) { return load_unaligned<Vector>(p); }
  [[gnu::always_inline]] inline static void store(void* p, Vector v) { std::memcpy(p, &v, sizeof(v)); }
  [[gnu::always_inline]] inline static Vector load(const void* p, std::int64_t n) {
    Vector v = zero();
    std::memcpy(&v, p, bytes_of(n, 4));
    return v;
  }
  [[gnu::always_inline]] inline static void store(void* p, Vector v, std::int64_t n) { std::memcpy(p, &v, bytes_of(n, 4)); }

  [[gnu::always_inline]] inline static Vector add(Vector a, Vector b) { return a + b; }
  [[gnu::always_inline]] inline static Vector sub(Vector a, Vector b) { return a - b; }
  [[gnu::always_inline]] inline static Vector mul(Vector a, Vector b) { return a * b; }
  [[gnu::always_inline]] inline static Vector div(Vector a, Vector b) { return a / b; }
  [[gnu::always_inline]] inline static Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
  [[gnu::always_inline]] inline static Vector max(Vector a, Vector b) { return a > b ? a : b; }
  [[gnu::always_inline]] inline static Vector min(Vector a, Vector b) { return a < b ? a : b; }
  [[gnu::always_inline]] inline static Vector round(Vector a) {
    for (int i = 0; i < kLanes; ++i) a[i] = std::nearbyint(a[i]);
    return a;
  }
  [[gnu::always_inline]] inline static Vector scale_by_power(Vector a, Vector n) {
    for (int i = 0; i < kLanes; ++i) {
      const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n[i] == n[i] ? n[i] : 0.0F) + 127) << 23;
      a[i] *= std::bit_cast<float>(exponent);
    }
    return a;
  }
  [[gnu::always_inline]] inline static Vector keep_first(Vector a, std::int64_t n, float other) {
    for (int i = 0; i < kLanes; ++i) a[i] = i < n ? a[i] : other;
    return a;
  }
  [[gnu::always_inline]] inline static float sum(Vector a) { return (a[0] + a[2]) + (a[1] + a[3]); }
  [[gnu::always_inline]] inline static float highest(Vector a) {
    const float x = a[0] > a[1] ? a[0] : a[1];
    const float y = a[2] > a[3] ? a[2] : a[3];
    return x > y ? x : y;
  }

  [[gnu::always_inline]] inline static Vector load_bfloat16(const void* p, std::int64_t n) {
    std::uint16_t halves[kLanes] = {};
    std::memcpy(halves, p, bytes_of(n, 2));
    return Vector{from_bfloat16(halves[0]), from_bfloat16(halves[1]), from_bfloat16(halves[2]), from_bfloat16(halves[3])};
  }
  [[gnu::always_inline]] inline static Vector load_float16(const void* p, std::int64_t n) {
    std::uint16_t halves[kLanes] = {};
    std::memcpy(halves, p, bytes_of(n, 2));
    return Vector{from_float16(halves[0]), from_float16(halves[1]), from_float16(halves[2]), from_float16(halves[3])};
  }
  [[gnu::always_inline]] inline static void store_bfloat16(void* p, Vector v, std::int64_t n) {
    const std::uint16_t halves[kLanes] = {to_bfloat16(v[0]), to_bfloat16(v[1]), to_bfloat16(v[2]), to_bfloat16(v[3])};
    std::memcpy(p, halves, bytes_of(n, 2));
  }
  [[gnu::always_inline]] inline static void store_float16(void* p, Vector v, std::int64_t n) {
    const std::uint16_t halves[kLanes] = {to_float16(v[0]), to_float16(v[1]), to_float16(v[2]), to_float16(v[3])};
    std::memcpy(p, halves, bytes_of(n, 2));
  }
  [[gnu::always_inline]] inline static Vector pair(Vector even, Vector odd) {
    Vector pairs = zero();
    for (int i = 0; i < kLanes; ++i) {
      pairs[i] = std::bit_cast<float>(to_bfloat16(even[i]) | static_cast<std::uint32_t>(to_bfloat16(odd[i])) << 16);
    }
    return pairs;
  }
  [[gnu::always_inline]] inline static Vector pair_exact(Vector even, Vector odd) { return pair(even, odd); }
  [[gnu::always_inline]] inline static Vector pair_even(Vector pairs) {
    for (int i = 0; i < kLanes; ++i) pairs[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(pairs[i])) << 16);
    return pairs;
  }
  [[gnu::always_inline]] inline static Vector pair_odd(Vector pairs) {
    for (int i = 0; i < kLanes; ++i) {
      pairs[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(pairs[i])) & 0xffff0000U);
    }
    return pairs;
  }
  [[gnu::always_inline]] inline static void deinterleave(Vector low, Vector high, Vector& even, Vector& odd) {
    even = Vector{low[0], low[2], high[0], high[2]};
    odd = Vector{low[1], low[3], high[1], high[3]};
  }

  [[gnu::always_inline]] inline static void transpose(Vector (&v)[4]) {
    const Vector t[4] = {v[0], v[1], v[2], v[3]};
    for (int i = 0; i < 4; ++i) v[i] = Vector{t[0][i], t[1][i], t[2][i], t[3][i]};
  }

 private:
  [[gnu::always_inline]] inline static std::size_t bytes_of(std::int64_t n, std::size_t size) {
    return static_cast<std::size_t>(n > kLanes ? kLanes : n) * size;
  }
};

struct PortableFloat32 {
  using Simd = Portable;
  static constexpr bool kPairs = false;
  [[gnu::always_inline]] inline static Portable::Vector dot(Portable::Vector a, Portable::Vector b, Portable::Vector acc) {
    return a * b + acc;
  }
};

}  // namespace plimsoll::cpu
