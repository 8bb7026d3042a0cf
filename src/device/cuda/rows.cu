// Steps that go over rows or elements: embeddings, layer norm, gathering, conversion, and what follows a product.
#include "device/cuda/elements-inl.h"
#include "device/cuda/launch.h"
#include "device/cuda/warp-inl.h"

namespace plimsoll::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kWarps = kRowThreads / kWarp;

/// Of all threads of the block, in an order that is always the same. Each gets it.
__device__ float block_sum(float value) {
  __shared__ float sums[kWarps];
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value += exchange(value, distance);
  __syncthreads();  // an earlier sum has been read
  const int thread = static_cast<int>(threadIdx.x);
  if (thread % kWarp == 0) sums[thread / kWarp] = value;
  __syncthreads();
  float total = 0;
  for (int warp = 0; warp < kWarps; ++warp) total += sums[warp];
  return total;
}

__device__ float normal_input(const LayerNormStep& step, std::int64_t row, std::int64_t col) {
  const float x = load(step.x, row, col);
  return step.residual.data == nullptr ? x : x + load(step.residual, row, col);
}

__device__ float table_value(const WeightView& table, std::int64_t row, std::int64_t col) {
  return load(table.form.type, table.data, row * table.inputs + col);
}

}  // namespace

/// Block x: row x of out.
extern "C" __global__ void __launch_bounds__(kRowThreads) plimsoll_embed(EmbedStep step) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t word = step.ids == nullptr ? row : step.ids[row];
  for (std::int64_t col = threadIdx.x; col < step.out.cols; col += kRowThreads) {
    float sum = table_value(step.words, word, col);
    if (step.positions.data != nullptr) sum += table_value(step.positions, step.position_ids[row], col);
    if (step.types.data != nullptr) sum += table_value(step.types, step.type_ids[row], col);
    store(step.out, row, col, sum);
  }
}

/// Block x: row x. A thread reads and writes the same elements, so that out may be x or residual.
extern "C" __global__ void __launch_bounds__(kRowThreads) plimsoll_layer_norm(LayerNormStep step) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t cols = step.out.cols;
  float sum = 0;
  for (std::int64_t col = threadIdx.x; col < cols; col += kRowThreads) sum += normal_input(step, row, col);
  const float mean = block_sum(sum) / static_cast<float>(cols);
  float squares = 0;
  for (std::int64_t col = threadIdx.x; col < cols; col += kRowThreads) {
    const float distance = normal_input(step, row, col) - mean;
    squares += distance * distance;
  }
  const float scale = 1.0F / sqrtf(block_sum(squares) / static_cast<float>(cols) + step.epsilon);
  for (std::int64_t col = threadIdx.x; col < cols; col += kRowThreads)
    store(step.out, row, col, (normal_input(step, row, col) - mean) * scale * step.gamma[col] + step.beta[col]);
}

/// Block x: row x of out.
extern "C" __global__ void __launch_bounds__(kRowThreads) plimsoll_gather(GatherRowsStep step) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t from = step.rows[row];
  for (std::int64_t col = threadIdx.x; col < step.out.cols; col += kRowThreads) {
    if (step.x.type == ElementType::float32) {
      reinterpret_cast<std::uint32_t*>(step.out.data)[row * step.out.stride + col] =
          reinterpret_cast<const std::uint32_t*>(step.x.data)[from * step.x.stride + col];
    } else {
      reinterpret_cast<std::uint16_t*>(step.out.data)[row * step.out.stride + col] =
          reinterpret_cast<const std::uint16_t*>(step.x.data)[from * step.x.stride + col];
    }
  }
}

/// Thread i of all: element i of what the step fills: its rows, or its panels with the zeros that fill them up.
extern "C" __global__ void __launch_bounds__(kRowThreads) plimsoll_prepare(PrepareStep step) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kRowThreads + threadIdx.x;
  const bool panels = step.form.layout == WeightLayout::panels;
  const bool pairs = panels && step.form.type == ElementType::bfloat16;
  const std::int64_t inputs = pairs ? (step.inputs + 1) / 2 * 2 : step.inputs;
  const std::int64_t outputs = panels ? (step.outputs + kPanelOutputs - 1) / kPanelOutputs * kPanelOutputs : step.outputs;
  if (i >= outputs * inputs) return;
  const std::int64_t output = i / inputs;
  const std::int64_t input = i % inputs;
  const bool there = output < step.outputs && input < step.inputs;
  const float value = there ? load(step.source_type, step.source, output * step.inputs + input) : 0.0F;
  store(step.form.type, step.destination, place_in(step.form, step.inputs, step.first_output + output, input), value);
}

/// Thread i of all: element i of out, which holds products, becomes activation(product + bias).
extern "C" __global__ void __launch_bounds__(kRowThreads) plimsoll_finish(LinearStep step) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kRowThreads + threadIdx.x;
  if (i >= step.out.rows * step.out.cols) return;
  const std::int64_t row = i / step.out.cols;
  const std::int64_t col = i % step.out.cols;
  const float bias = step.bias == nullptr ? 0.0F : step.bias[col];
  store(step.out, row, col, activate(step.activation, load(step.out, row, col) + bias));
}

}  // namespace plimsoll::cuda
