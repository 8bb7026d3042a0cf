#pragma once

#include <cstdint>
#include <span>

#include "device/support.h"

namespace plimsoll::test {

/// Scalar float64 answers, and how near a device's must be. A failure is a fatal one of the calling test.

/// x weight^T + bias, without activation: within 2 sqrt(K) u sum|x||w| + u_out |y|.
void expect_linear(const Matrix& x, const Matrix& weight, const Matrix& bias, const Matrix& out);

/// Of x + residual (null: x alone).
void expect_layer_norm(const Matrix& x, const Matrix* residual, const Matrix& gamma, const Matrix& beta, double epsilon, const Matrix& out);

struct Heads {
  std::int64_t count = 1;
  std::int64_t dim = 1;
  float scale() const;
};
AttentionStep attention_step(const MatrixView& qkv, std::span<const std::int32_t> starts, Heads heads, const MatrixView& out);
/// Random queries, keys and values, large enough that the softmax has a shape.
Matrix random_qkv(Numbers& numbers, std::int64_t tokens, Heads heads, ElementType type);
/// One query and head of the text that owns rows [begin, end). Scores and weights err by a few units of float32 each; bfloat16 also rounds
/// weights and result.
struct TextRows {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
void expect_attention(const Matrix& qkv, Heads heads, TextRows text, std::int64_t query, std::int64_t head, const Matrix& out);

inline const float* floats(const Matrix& m) { return reinterpret_cast<const float*>(m.data()); }

}  // namespace plimsoll::test
