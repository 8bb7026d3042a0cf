// This build's own kernels, run by the emulator, beside float64 and the CPU's.
#include <cmath>
#include <cstring>

#include "device/cuda/stand_in_driver.h"
#include "device/reference.h"

namespace plimsoll::test {
namespace {

using enum ElementType;

class CudaSteps : public CudaStepTest {
 protected:
  CudaSteps() : cpu_(CpuFeatures{Isa::portable, false}, wide_needs(1)) {}
  Cpu cpu_;
};

/// On tensor cores: every width of a head, texts around the sizes of tiles, and results of both types.
TEST_F(CudaSteps, AttentionInBfloat16IsCloseToFloat64) {
  Numbers numbers(41);
  const std::vector<std::int32_t> starts = {0, 1, 16, 16, 79, 143, 208, 337};
  const std::span<const std::int32_t> starts_there(put(starts), starts.size());
  for (const Heads heads :
       {Heads{2, 1}, Heads{1, 20}, Heads{2, 32}, Heads{1, 33}, Heads{3, 64}, Heads{1, 65}, Heads{1, 128}, Heads{1, 150}}) {
    const Matrix qkv = random_qkv(numbers, starts.back(), heads, bfloat16);
    const MatrixView qkv_there = put(qkv);
    for (const ElementType type : {bfloat16, float32}) {
      const MatrixView out = take_matrix(starts.back(), heads.count * heads.dim, type);
      ASSERT_TRUE(run(attention_step(qkv_there, starts_there, heads, out)).ok());
      if (type == float32) continue;
      const Matrix result = get(out);
      for (std::size_t text = 0; text + 1 < starts.size(); ++text) {
        const TextRows rows{starts[text], starts[text + 1]};
        for (std::int64_t query = rows.begin; query < rows.end; query += 1 + numbers.below(5)) {
          for (std::int64_t head = 0; head < heads.count; ++head)
            ASSERT_NO_FATAL_FAILURE(expect_attention(qkv, heads, rows, query, head, result));
        }
      }
    }
  }
}

/// Alone, or among others: the same bits.
TEST_F(CudaSteps, ATextsAttentionIsItsOwn) {
  Numbers numbers(42);
  const std::vector<std::int32_t> starts = {0, 30, 31, 231, 300};
  for (const ElementType type : {float32, bfloat16}) {
    const Heads heads{2, 24};
    const Matrix qkv = random_qkv(numbers, starts.back(), heads, type);
    const MatrixView there = put(qkv);
    const MatrixView out = take_matrix(starts.back(), heads.count * heads.dim, type);
    ASSERT_TRUE(run(attention_step(there, {put(starts), starts.size()}, heads, out)).ok());
    const Matrix all = get(out);
    for (std::size_t text = 0; text + 1 < starts.size(); ++text) {
      MatrixView rows = there;
      rows.rows = starts[text + 1] - starts[text];
      rows.data += starts[text] * there.stride * static_cast<std::int64_t>(element_bytes(type));
      const std::vector<std::int32_t> alone = {0, static_cast<std::int32_t>(rows.rows)};
      const MatrixView one = take_matrix(rows.rows, heads.count * heads.dim, type);
      ASSERT_TRUE(run(attention_step(rows, {put(alone), 2}, heads, one)).ok());
      const Matrix result = get(one);
      for (std::int64_t row = 0; row < rows.rows; ++row)
        ASSERT_TRUE(std::ranges::equal(result.row_bytes(row), all.row_bytes(starts[text] + row))) << text << " " << row;
    }
  }
}

/// Very large and very small scores neither overflow nor become NaN.
TEST_F(CudaSteps, AttentionOfLargeScoresStaysFinite) {
  Numbers numbers(43);
  const Heads heads{1, 64};
  const std::vector<std::int32_t> starts = {0, 130};
  for (const ElementType type : {float32, bfloat16}) {
    Matrix qkv = random_qkv(numbers, 130, heads, type);
    for (std::int64_t row = 0; row < 130; ++row) {
      for (std::int64_t d = 0; d < 128; ++d) qkv.set(row, d, static_cast<float>(qkv.at(row, d)) * 300);
    }
    const MatrixView out = take_matrix(130, 64, type);
    ASSERT_TRUE(run(attention_step(put(qkv), {put(starts), 2}, heads, out)).ok());
    const Matrix result = get(out);
    for (std::int64_t row = 0; row < 130; ++row) {
      for (std::int64_t d = 0; d < 64; ++d) ASSERT_TRUE(std::isfinite(result.at(row, d))) << row << " " << d;
    }
  }
}

/// Bit for bit what the CPU makes of it, in every form and from every type, whole or by chunks.
TEST_F(CudaSteps, PrepareIsThatOfTheCpu) {
  Numbers numbers(44);
  for (const ElementType from : {float32, bfloat16, float16, float64}) {
    for (const ElementType to : {float32, bfloat16, float16}) {
      for (const WeightLayout layout : {WeightLayout::rows, WeightLayout::panels}) {
        for (const auto& [outputs, inputs] : {std::pair{1, 37}, {65, 17}, {130, 31}}) {
          const Matrix w = Matrix::random(numbers, outputs, inputs, from);
          const Prepared expected = prepare(cpu_, w, {to, layout});
          const MatrixView source = put(w);
          const auto bytes = static_cast<std::size_t>(weight_bytes({to, layout}, outputs, inputs));
          std::byte* there = take(bytes);
          const std::int64_t row_bytes = inputs * static_cast<std::int64_t>(element_bytes(from));
          for (std::int64_t first = 0; first < outputs; first += 64) {
            const std::int64_t rows = std::min<std::int64_t>(64, outputs - first);
            const PrepareStep step{source.data + first * row_bytes, from, rows, inputs, first, outputs, {to, layout}, there};
            ASSERT_TRUE(run(step).ok());
          }
          EXPECT_EQ(get_bytes({there, bytes}), expected.bytes) << outputs << "x" << inputs;
        }
      }
    }
  }
}

TEST_F(CudaSteps, PrepareTakesSourcesOfAnyAlignment) {
  Numbers numbers(45);
  const Matrix w = Matrix::random(numbers, 5, 9, float32);
  const Prepared expected = prepare(cpu_, w, {bfloat16, WeightLayout::rows});
  std::vector<std::byte> shifted(3 + 5 * 9 * 4);
  std::memcpy(shifted.data() + 3, w.data(), 5 * 9 * 4);
  Matrix raw(1, static_cast<std::int64_t>(shifted.size() + 3) / 4);
  std::memcpy(raw.data(), shifted.data(), shifted.size());
  std::byte* there = take(5 * 9 * 2);
  ASSERT_TRUE(run(PrepareStep{put(raw).data + 3, float32, 5, 9, 0, 5, {bfloat16, WeightLayout::rows}, there}).ok());
  EXPECT_EQ(get_bytes({there, 5 * 9 * 2}), expected.bytes);
}

/// Of each activation, by our own kernel and behind cuBLASLt's product, near the CPU's.
TEST_F(CudaSteps, ActivationsAreThoseOfTheCpu) {
  Numbers numbers(46);
  using enum Activation;
  for (const std::int64_t inputs : {64, 65}) {
    const Matrix x = Matrix::random(numbers, 9, inputs);
    const Matrix w = Matrix::random(numbers, 64, inputs);
    const Matrix bias = Matrix::random(numbers, 1, 64);
    const MatrixView x_there = put(x);
    const WeightView w_there = put_weight(w);
    const auto* bias_there = reinterpret_cast<const float*>(put(bias).data);
    for (const Activation activation : {none, gelu, gelu_tanh, relu, silu, Activation::tanh}) {
      for (const bool with_bias : {true, false}) {
        Matrix expected(9, 64);
        const float* b = with_bias ? floats(bias) : nullptr;
        ASSERT_TRUE(cpu_.run(LinearStep{x.view(), w.weight(), b, activation, expected.view()}).ok());
        const MatrixView out = take_matrix(9, 64);
        ASSERT_TRUE(run(LinearStep{x_there, w_there, with_bias ? bias_there : nullptr, activation, out}).ok());
        const Matrix result = get(out);
        for (std::int64_t row = 0; row < 9; ++row) {
          for (std::int64_t col = 0; col < 64; ++col) ASSERT_NEAR(result.at(row, col), expected.at(row, col), 3e-6);
        }
      }
    }
  }
}

/// Chunks of outputs, into a wider matrix: the same bits as the whole, and nothing beside them.
TEST_F(CudaSteps, ChunksOfOutputsGiveTheBitsOfTheWhole) {
  Numbers numbers(47);
  for (const std::int64_t inputs : {64, 67}) {
    for (const ElementType type : {float32, bfloat16}) {
      const Matrix w = Matrix::random(numbers, 200, inputs, type);
      const Matrix x = Matrix::random(numbers, 70, inputs, type);
      const MatrixView x_there = put(x);
      const WeightView w_there = put_weight(w);
      const MatrixView whole = take_matrix(70, 200, type);
      const MatrixView parts = take_matrix(70, 200, type);
      ASSERT_TRUE(run(LinearStep{x_there, w_there, nullptr, Activation::gelu, whole}).ok());
      const auto size = static_cast<std::int64_t>(element_bytes(type));
      for (std::int64_t first = 0; first < 200; first += 64) {
        const std::int64_t count = std::min<std::int64_t>(64, 200 - first);
        WeightView chunk = w_there;
        chunk.data += first * inputs * size;
        chunk.outputs = count;
        const MatrixView columns{parts.data + first * size, 70, count, 200, type};
        ASSERT_TRUE(run(LinearStep{x_there, chunk, nullptr, Activation::gelu, columns}).ok());
      }
      EXPECT_TRUE(same_bits(get(whole), get(parts)));
    }
  }
}

TEST_F(CudaSteps, EmbeddingsAreThoseOfTheCpu) {
  Numbers numbers(48);
  const std::vector<std::int32_t> ids = {4, 0, 29, 4}, places = {2, 3, 4, 0}, kinds = {0, 1, 1, 0};
  for (const ElementType out_type : {float32, bfloat16}) {
    for (const bool all : {true, false}) {
      const Matrix words = Matrix::random(numbers, 30, 70, bfloat16), positions = Matrix::random(numbers, 5, 70),
                   types = Matrix::random(numbers, 2, 70, float16);
      const Matrix expected(4, 70, out_type);
      EmbedStep step{words.weight(), {}, {}, nullptr, places.data(), kinds.data(), expected.view()};
      if (all) step = {words.weight(), positions.weight(), types.weight(), ids.data(), places.data(), kinds.data(), expected.view()};
      ASSERT_TRUE(cpu_.run(step).ok());
      const MatrixView out = take_matrix(4, 70, out_type);
      EmbedStep there{put_weight(words), {}, {}, nullptr, nullptr, nullptr, out};
      if (all) there = {put_weight(words), put_weight(positions), put_weight(types), put(ids), put(places), put(kinds), out};
      ASSERT_TRUE(run(there).ok());
      EXPECT_TRUE(same_bits(get(out), expected));
    }
  }
}

TEST_F(CudaSteps, StepsOfNothingAreDone) {
  const MatrixView none = take_matrix(0, 8);
  const auto* floats_there = reinterpret_cast<const float*>(take(64));
  EXPECT_TRUE(run(LayerNormStep{none, {}, floats_there, floats_there, 1e-5F, none}).ok());
  EXPECT_TRUE(run(LinearStep{none, {take(64 * 8 * 4), {}, 64, 8}, nullptr, Activation::none, take_matrix(0, 64)}).ok());
  EXPECT_TRUE(run(GatherRowsStep{take_matrix(1, 8), reinterpret_cast<const std::int32_t*>(floats_there), none}).ok());
}

}  // namespace
}  // namespace plimsoll::test
