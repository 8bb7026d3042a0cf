// Each op of a device against a scalar float64 reference.
#include <algorithm>

#include "device/conformance.h"
#include "device/cpu/isa.h"
#include "device/reference.h"

namespace plimsoll::test {
namespace {

using enum ElementType;

class ConformanceOps : public ConformanceTest {};

constexpr std::int64_t kEdges[] = {1, 63, 64, 65, 97};

TEST_P(ConformanceOps, LinearLayersAtTileEdges) {
  Numbers numbers(31);
  const Matrix bias = Matrix::random(numbers, 1, 97);
  const auto* there = reinterpret_cast<const float*>(put(bias).data);
  std::byte* space = take(97 * 97 * 4);
  for (const std::int64_t inputs : kEdges) {
    const Matrix x = Matrix::random(numbers, 97, inputs);
    const MatrixView x_there = put(x);
    for (const std::int64_t outputs : kEdges) {
      const Matrix w = Matrix::random(numbers, outputs, inputs);
      for (const WeightView& weight : {put_weight(w), put_prepared(w, {float32, WeightLayout::panels})}) {
        for (const std::int64_t rows : kEdges) {
          MatrixView part = x_there;
          part.rows = rows;
          const MatrixView out{space, rows, outputs, outputs, float32};
          ASSERT_TRUE(run(LinearStep{part, weight, there, Activation::none, out}).ok());
          Matrix x_part(rows, inputs);
          std::memcpy(x_part.data(), x.data(), static_cast<std::size_t>(rows * inputs) * 4);
          ASSERT_NO_FATAL_FAILURE(expect_linear(x_part, w, bias, get(out)));
        }
      }
    }
  }
}

TEST_P(ConformanceOps, LinearLayersOfEveryTypeAndLargerSizes) {
  Numbers numbers(32);
  for (const auto& [rows, outputs, inputs] : {std::array<std::int64_t, 3>{257, 130, 1031}, {31, 70, 521}}) {
    const Matrix x = Matrix::random(numbers, rows, inputs);
    const Matrix bias = Matrix::random(numbers, 1, outputs);
    const MatrixView x_there = put(x);
    const auto* bias_there = reinterpret_cast<const float*>(put(bias).data);
    for (const ElementType type : {float32, bfloat16, float16}) {
      const Matrix w = Matrix::random(numbers, outputs, inputs, type);
      for (const WeightView& weight : {put_weight(w), put_prepared(w, {type, WeightLayout::panels})}) {
        for (const ElementType out_type : {float32, bfloat16}) {
          const MatrixView out = take_matrix(rows, outputs, out_type);
          ASSERT_TRUE(run(LinearStep{x_there, weight, bias_there, Activation::none, out}).ok());
          ASSERT_NO_FATAL_FAILURE(expect_linear(x, w, bias, get(out)));
        }
      }
    }
  }
}

TEST_P(ConformanceOps, LayerNorm) {
  Numbers numbers(33);
  for (const std::int64_t rows : {1, 17}) {
    for (const std::int64_t cols : kEdges) {
      for (const ElementType type : {float32, bfloat16}) {
        const Matrix x = Matrix::random(numbers, rows, cols, type);
        const Matrix residual = Matrix::random(numbers, rows, cols, type);
        const Matrix gamma = Matrix::random(numbers, 1, cols);
        const Matrix beta = Matrix::random(numbers, 1, cols);
        const auto* gamma_there = reinterpret_cast<const float*>(put(gamma).data);
        const auto* beta_there = reinterpret_cast<const float*>(put(beta).data);
        const MatrixView x_there = put(x);
        const MatrixView out = take_matrix(rows, cols, type);
        ASSERT_TRUE(run(LayerNormStep{x_there, {}, gamma_there, beta_there, 1e-5F, out}).ok());
        ASSERT_NO_FATAL_FAILURE(expect_layer_norm(x, nullptr, gamma, beta, 1e-5, get(out)));
        ASSERT_TRUE(run(LayerNormStep{x_there, put(residual), gamma_there, beta_there, 1e-5F, x_there}).ok());
        ASSERT_NO_FATAL_FAILURE(expect_layer_norm(x, &residual, gamma, beta, 1e-5, get(x_there)));
      }
    }
  }
}

TEST_P(ConformanceOps, Attention) {
  Numbers numbers(34);
  const std::vector<std::int32_t> starts = {0, 1, 64, 128, 193, 450};
  const std::span<const std::int32_t> starts_there(put(starts), starts.size());
  for (const Heads heads : {Heads{2, 1}, Heads{3, 12}, Heads{1, 63}, Heads{2, 64}, Heads{1, 65}}) {
    const Matrix qkv = random_qkv(numbers, starts.back(), heads, float32);
    const MatrixView out = take_matrix(starts.back(), heads.count * heads.dim);
    ASSERT_TRUE(run(attention_step(put(qkv), starts_there, heads, out)).ok());
    const Matrix result = get(out);
    for (std::size_t text = 0; text + 1 < starts.size(); ++text) {
      const TextRows rows{starts[text], starts[text + 1]};
      for (std::int64_t query = rows.begin; query < rows.end; query += 1 + numbers.below(7)) {
        for (std::int64_t head = 0; head < heads.count; ++head) {
          ASSERT_NO_FATAL_FAILURE(expect_attention(qkv, heads, rows, query, head, result));
        }
      }
    }
  }
}

TEST_P(ConformanceOps, EmbeddingsSumInFloat32) {
  Numbers numbers(35);
  const std::vector<std::int32_t> ids = {4, 0, 29, 4, 7};
  const std::vector<std::int32_t> places = {2, 3, 4, 0, 1};
  const std::vector<std::int32_t> kinds = {0, 1, 1, 0, 1};
  const std::int32_t *ids_there = put(ids), *places_there = put(places), *kinds_there = put(kinds);
  for (const ElementType stored : {float32, bfloat16, float16}) {
    for (const std::int64_t cols : kEdges) {
      const Matrix words = Matrix::random(numbers, 30, cols, stored);
      const Matrix positions = Matrix::random(numbers, 5, cols, stored);
      const Matrix types = Matrix::random(numbers, 2, cols, stored);
      const MatrixView out = take_matrix(5, cols);
      ASSERT_TRUE(
          run(EmbedStep{put_weight(words), put_weight(positions), put_weight(types), ids_there, places_there, kinds_there, out}).ok());
      const Matrix result = get(out);
      for (std::size_t t = 0; t < ids.size(); ++t) {
        for (std::int64_t c = 0; c < cols; ++c) {
          const float two = static_cast<float>(words.at(ids[t], c)) + static_cast<float>(positions.at(places[t], c));
          ASSERT_EQ(result.at(static_cast<std::int64_t>(t), c), static_cast<double>(two + static_cast<float>(types.at(kinds[t], c))));
        }
      }
    }
  }
}

TEST_P(ConformanceOps, GathersAndCopiesAreExact) {
  Numbers numbers(36);
  for (const std::int64_t cols : kEdges) {
    for (const ElementType type : {float32, bfloat16}) {
      const Matrix x = Matrix::random(numbers, 67, cols, type);
      const MatrixView there = put(x);
      EXPECT_TRUE(same_bits(get(there), x));
      const std::vector<std::int32_t> rows = {3, 0, 66, 3};
      const MatrixView out = take_matrix(4, cols, type);
      ASSERT_TRUE(run(GatherRowsStep{there, put(rows), out}).ok());
      const Matrix result = get(out);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_TRUE(std::ranges::equal(result.row_bytes(static_cast<std::int64_t>(i)), x.row_bytes(rows[i])));
      }
    }
  }
}

/// Of one kind of device, the way a weight is held changes no bit, nor do the rows beside a row.
TEST_P(ConformanceOps, RowsAndPanelsAndNeighboursGiveTheSameBits) {
  Numbers numbers(37);
  const Matrix x = Matrix::random(numbers, 67, 301);
  const Matrix w = Matrix::random(numbers, 130, 301);
  const MatrixView x_there = put(x);
  const MatrixView out = take_matrix(67, 130);
  const MatrixView packed_out = take_matrix(67, 130);
  const WeightView panels = put_prepared(w, {float32, WeightLayout::panels});
  ASSERT_TRUE(run(LinearStep{x_there, put_weight(w), nullptr, Activation::gelu, out}).ok());
  ASSERT_TRUE(run(LinearStep{x_there, panels, nullptr, Activation::gelu, packed_out}).ok());
  const Matrix whole = get(out);
  EXPECT_TRUE(same_bits(whole, get(packed_out)));
  const MatrixView one = take_matrix(1, 130);
  for (std::int64_t row = 0; row < 67; row += 11) {
    MatrixView alone = x_there;
    alone.data += row * 301 * 4;
    alone.rows = 1;
    ASSERT_TRUE(run(LinearStep{alone, panels, nullptr, Activation::gelu, one}).ok());
    EXPECT_TRUE(std::ranges::equal(get(one).row_bytes(0), whole.row_bytes(row))) << row;
  }
}

INSTANTIATE_TEST_SUITE_P(BackEnds, ConformanceOps, ::testing::ValuesIn(back_ends()), back_end_name);

}  // namespace
}  // namespace plimsoll::test
