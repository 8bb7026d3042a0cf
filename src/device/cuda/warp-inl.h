#pragma once

// Of kernels: what the hardware does for a whole warp or block. The tests have a header of the same name for the host (tests/device/cuda).

#include <cstdint>

namespace plimsoll::cuda {

/// The memory that a launch asked for; the block's threads share it.
__device__ inline float* dynamic_shared() {
  extern __shared__ float memory[];
  return memory;
}

/// The value of the thread whose lane differs in the bits of `distance`. All 32 of the warp call it.
__device__ inline float exchange(float value, int distance) { return __shfl_xor_sync(0xffffffffU, value, distance); }

/// c += a * b for 16 rows, 8 columns, K of 16; a row-major, b column-major, bfloat16 with float32 sums: mma.m16n8k16 of the PTX ISA.
/// With g = lane / 4 and t = lane % 4, the pairs of elements are, low half first:
///   a[0] row g, k 2t; a[1] row g + 8, k 2t; a[2] row g, k 2t + 8; a[3] row g + 8, k 2t + 8
///   b[0] k 2t, column g; b[1] k 2t + 8, column g
/// and c[0], c[1] are row g, columns 2t and 2t + 1; c[2], c[3] the same of row g + 8. All 32 of the warp call it.
__device__ inline void multiply_bfloat16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace plimsoll::cuda
