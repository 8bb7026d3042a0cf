#pragma once

// Of kernels: single elements of any float type, and the functions that a linear layer may end with.

#include <cstddef>
#include <cstdint>

#include "device/step.h"
#include "weights/convert.h"

namespace plimsoll::cuda {

/// What lies at `place`, which need not be aligned.
template <typename T>
__device__ T read(const std::byte* place) {
  if (reinterpret_cast<std::uintptr_t>(place) % sizeof(T) == 0) return *reinterpret_cast<const T*>(place);
  T value;
  for (std::size_t i = 0; i < sizeof(T); ++i) reinterpret_cast<std::byte*>(&value)[i] = place[i];
  return value;
}

__device__ inline std::int64_t bytes_of(ElementType type, std::int64_t elements) {
  return elements * static_cast<std::int64_t>(element_bytes(type));
}

/// Element `index` behind `data` as a float32.
__device__ inline float load(ElementType type, const std::byte* data, std::int64_t index) {
  const std::byte* place = data + bytes_of(type, index);
  switch (type) {
    case ElementType::bfloat16: return from_bfloat16(read<std::uint16_t>(place));
    case ElementType::float16: return from_float16(read<std::uint16_t>(place));
    case ElementType::float64: return static_cast<float>(read<double>(place));
    default: return read<float>(place);
  }
}

/// The same in the other direction, rounded to nearest even. `data` is aligned to its elements.
__device__ inline void store(ElementType type, std::byte* data, std::int64_t index, float value) {
  std::byte* place = data + bytes_of(type, index);
  switch (type) {
    case ElementType::bfloat16: *reinterpret_cast<std::uint16_t*>(place) = to_bfloat16(value); break;
    case ElementType::float16: *reinterpret_cast<std::uint16_t*>(place) = to_float16(value); break;
    default: *reinterpret_cast<float*>(place) = value; break;
  }
}

__device__ inline float load(const MatrixView& m, std::int64_t row, std::int64_t col) { return load(m.type, m.data, row * m.stride + col); }
__device__ inline void store(const MatrixView& m, std::int64_t row, std::int64_t col, float value) {
  store(m.type, m.data, row * m.stride + col, value);
}

/// Where element (output, input) of a weight lies: in elements from its beginning (weight_form.h).
__device__ inline std::int64_t place_in(WeightForm form, std::int64_t inputs, std::int64_t output, std::int64_t input) {
  if (form.layout == WeightLayout::rows) return output * inputs + input;
  const std::int64_t panel = output / kPanelOutputs;
  const std::int64_t lane = output % kPanelOutputs;
  if (form.type != ElementType::bfloat16) return (panel * inputs + input) * kPanelOutputs + lane;
  const std::int64_t pairs = (inputs + 1) / 2;
  return ((panel * pairs + input / 2) * kPanelOutputs + lane) * 2 + input % 2;
}

/// The formulas are those of step.h.
__device__ inline float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::gelu: return 0.5F * x * erfcf(-0.70710678118654752F * x);
    case Activation::gelu_tanh: return 0.5F * x * (1.0F + tanhf(0.79788456080286536F * (x + 0.044715F * x * x * x)));
    case Activation::relu: return x > 0.0F || x != x ? x : 0.0F;
    case Activation::silu: return x / (1.0F + expf(-x));
    case Activation::tanh: return tanhf(x);
    default: return x;
  }
}

}  // namespace plimsoll::cuda
