#include "device/cuda/linear_path.h"

namespace plimsoll::cuda {
namespace {

constexpr std::uintptr_t kAlignment = 16;

bool is_aligned(const void* data, std::int64_t stride, ElementType type) {
  const auto row = static_cast<std::uintptr_t>(stride) * element_bytes(type);
  return reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0 && row % kAlignment == 0;
}

}  // namespace

LinearPath choose_path(const LinearStep& step) {
  const WeightView& weight = step.weight;
  LinearPath path;
  path.blas = weight.form.layout == WeightLayout::rows && weight.form.type == step.x.type &&
              (step.out.type == step.x.type || step.out.type == ElementType::float32) &&
              is_aligned(step.x.data, step.x.stride, step.x.type) && is_aligned(weight.data, weight.inputs, weight.form.type) &&
              is_aligned(step.out.data, step.out.stride, step.out.type);
  if (!path.blas) return path;
  const bool none = step.activation == Activation::none;
  const bool approximate = step.activation == Activation::gelu_tanh && step.out.type != ElementType::float32;
  const bool bias_fits = reinterpret_cast<std::uintptr_t>(step.bias) % kAlignment == 0;
  path.fused = bias_fits && (none || step.activation == Activation::relu || approximate);
  path.needs_finish = !none || step.bias != nullptr;
  return path;
}

}  // namespace plimsoll::cuda
