#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "weights/weight_form.h"

namespace plimsoll {

/// A row-major matrix of activations, [rows, cols], consecutive rows `stride` elements apart. Type is float32, or
/// bfloat16 where compute is bfloat16. Does not own its memory.
struct MatrixView {
  std::byte* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;
  ElementType type = ElementType::float32;
};

/// From the first element to behind the last. It has at least one row.
inline std::size_t matrix_bytes(const MatrixView& m) {
  return static_cast<std::size_t>((m.rows - 1) * m.stride + m.cols) * element_bytes(m.type);
}

/// A weight matrix [outputs, inputs] in one of our forms. For `panels`, `data` is the first panel.
struct WeightView {
  const std::byte* data = nullptr;
  WeightForm form;
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
};

/// gelu is x * Phi(x) with erf (Hendrycks & Gimpel, arXiv:1606.08415); gelu_tanh its tanh form ("gelu_new").
enum class Activation : std::uint8_t { none, gelu, gelu_tanh, relu, silu, tanh };

/// out[t] = words[ids[t]] + positions[position_ids[t]] + types[type_ids[t]], summed in float32 in this order.
/// The tables are `rows` in any float type. `types` may be empty (data null). Ids have been checked by the caller; where `ids` is null,
/// row t of `words` is token t's.
struct EmbedStep {
  WeightView words;
  WeightView positions;
  WeightView types;
  const std::int32_t* ids = nullptr;
  const std::int32_t* position_ids = nullptr;
  const std::int32_t* type_ids = nullptr;
  MatrixView out;
};

/// out = (v - mean) / sqrt(var + epsilon) * gamma + beta over each row of v = x + residual (residual.data may be
/// null). Biased variance, float32 throughout (Ba et al., arXiv:1607.06450). out may be x or residual.
struct LayerNormStep {
  MatrixView x;
  MatrixView residual;
  const float* gamma = nullptr;  ///< [cols]
  const float* beta = nullptr;   ///< [cols]
  float epsilon = 0;
  MatrixView out;
};

/// out[m, n] = activation(sum_k x[m, k] * weight[n, k] + bias[n]). `bias` may be null. x.type is float32, or
/// bfloat16 when the weight's type is bfloat16 and the device multiplies it natively. out does not overlap x.
/// To compute a chunk of outputs, pass the chunk's weight rows, its bias, and `out` starting at its first column.
struct LinearStep {
  MatrixView x;
  WeightView weight;
  const float* bias = nullptr;
  Activation activation = Activation::none;
  MatrixView out;
};

/// Scaled dot-product attention over packed texts (Vaswani et al., arXiv:1706.03762, eq. 1), each token attending to
/// all tokens of its own text. qkv is [tokens, 3 * heads * head_dim]: queries, keys, values side by side.
/// Text b owns rows [text_starts[b], text_starts[b + 1]). Softmax in float32. out is [tokens, heads * head_dim].
struct AttentionStep {
  MatrixView qkv;
  std::span<const std::int32_t> text_starts;
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
  float scale = 1;
  MatrixView out;
};

/// out[i] = x[rows[i]].
struct GatherRowsStep {
  MatrixView x;
  const std::int32_t* rows = nullptr;
  MatrixView out;
};

/// Brings a matrix or vector from a file's form into the resident form: converts the element type and packs panels.
/// `source` holds `outputs` full rows of [outputs, inputs], row-major, of `source_type`, at any alignment; the rows are
/// rows [first_output, first_output + outputs) of the destination matrix and first_output is a multiple of 64. A vector is one
/// row. Rows are rounded to nearest even when narrowing.
struct PrepareStep {
  const std::byte* source = nullptr;
  ElementType source_type = ElementType::float32;
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  std::int64_t first_output = 0;
  std::int64_t total_outputs = 0;
  WeightForm form;
  std::byte* destination = nullptr;  ///< start of the whole destination matrix
};

/// One unit of work for a device, all addresses resolved.
using Step = std::variant<EmbedStep, LayerNormStep, LinearStep, AttentionStep, GatherRowsStep, PrepareStep>;

}  // namespace plimsoll
