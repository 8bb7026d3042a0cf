#pragma once

// In place of src/device/cuda/warp-inl.h when kernels are compiled for the host.

#include <bit>
#include <cstdint>

#include "emulator.h"

namespace plimsoll::cuda {

inline float* dynamic_shared() { return emulator::shared_memory(); }

inline float exchange(float value, int distance) {
  const unsigned thread = emulator::thread_index.x;
  emulator::exchange_of(thread).value = value;
  emulator::synchronize_warp();
  const float other = emulator::exchange_of(thread ^ static_cast<unsigned>(distance)).value;
  emulator::synchronize_warp();
  return other;
}

/// From the PTX ISA, section "Matrix Fragments for mma.m16n8k16 with floating point type": element (row, k) of A is held by lane
/// row % 8 * 4 + k % 8 / 2, in register k / 8 * 2 + row / 8; element (k, column) of B by lane column * 4 + k % 8 / 2 in register k / 8; the
/// even k in the low half. Elements (lane / 4 + 0 or 8, lane % 4 * 2 + 0 or 1) of the result are the lane's own.
inline void multiply_bfloat16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  const unsigned thread = emulator::thread_index.x;
  const unsigned warp = thread / 32 * 32;
  const unsigned lane = thread % 32;
  emulator::Exchange& own = emulator::exchange_of(thread);
  for (int i = 0; i < 4; ++i) own.a[i] = a[i];
  for (int i = 0; i < 2; ++i) own.b[i] = b[i];
  emulator::synchronize_warp();
  const auto half = [](std::uint32_t pair, unsigned k) { return std::bit_cast<float>(k % 2 == 0 ? pair << 16U : pair & 0xffff0000U); };
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane / 4 + i / 2 * 8;
    const unsigned column = lane % 4 * 2 + i % 2;
    for (unsigned k = 0; k < 16; ++k) {
      const float left = half(emulator::exchange_of(warp + row % 8 * 4 + k % 8 / 2).a[k / 8 * 2 + row / 8], k);
      const float right = half(emulator::exchange_of(warp + column * 4 + k % 8 / 2).b[k / 8], k);
      c[i] += left * right;
    }
  }
  emulator::synchronize_warp();
}

}  // namespace plimsoll::cuda
