#include <algorithm>
#include <cmath>

#include "device/reference.h"
#include "device/support.h"

namespace plimsoll::test {
namespace {

std::vector<ElementType> compute_types(CpuFeatures features) {
  if (features.native_bfloat16) return {ElementType::float32, ElementType::bfloat16};
  return {ElementType::float32};
}

class AttentionTest : public KernelTest {};

TEST_P(AttentionTest, IsCloseToFloat64) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(7);
  const std::vector<std::int32_t> starts = {0, 1, 3, 66, 194, 323, 330};
  for (const Heads heads :
       {Heads{1, 12}, Heads{2, 16}, Heads{2, 20}, Heads{3, 32}, Heads{2, 64}, Heads{1, 80}, Heads{1, 128}, Heads{5, 3}}) {
    for (const ElementType type : compute_types(features())) {
      const Matrix qkv = random_qkv(numbers, starts.back(), heads, type);
      const Matrix out(starts.back(), heads.count * heads.dim, type);
      ASSERT_TRUE(cpu.run(attention_step(qkv.view(), starts, heads, out.view())).ok());
      for (std::size_t text = 0; text + 1 < starts.size(); ++text) {
        const TextRows rows{starts[text], starts[text + 1]};
        for (std::int64_t query = starts[text]; query < starts[text + 1]; query += 1 + numbers.below(9)) {
          for (std::int64_t head = 0; head < heads.count; ++head)
            ASSERT_NO_FATAL_FAILURE(expect_attention(qkv, heads, rows, query, head, out));
        }
      }
    }
  }
}

TEST_P(AttentionTest, LongTextsAreSummedBlockByBlock) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(8);
  for (const std::int32_t tokens : {255, 256, 257, 513, 1031, 2500}) {
    for (const ElementType type : compute_types(features())) {
      const Heads heads{2, 24};
      const std::vector<std::int32_t> starts = {0, tokens};
      const Matrix qkv = random_qkv(numbers, tokens, heads, type);
      const Matrix out(tokens, heads.count * heads.dim, type);
      ASSERT_TRUE(cpu.run(attention_step(qkv.view(), starts, heads, out.view())).ok());
      for (std::int64_t query = 0; query < tokens; query += 1 + numbers.below(97)) {
        ASSERT_NO_FATAL_FAILURE(expect_attention(qkv, heads, {0, tokens}, query, numbers.below(2), out));
      }
    }
  }
}

/// The same text alone, and among others on several threads, in a workspace planned for longer texts.
TEST_P(AttentionTest, ATextsResultIsItsOwn) {
  Numbers numbers(9);
  const Heads heads{4, 20};
  const std::vector<std::int32_t> lengths = {7, 300, 1, 130, 64, 3, 511, 33};
  std::vector<std::int32_t> starts = {0};
  for (const std::int32_t length : lengths) starts.push_back(starts.back() + length);
  for (const ElementType type : compute_types(features())) {
    const Matrix qkv = random_qkv(numbers, starts.back(), heads, type);
    std::vector<Matrix> together;
    for (int threads = 1; threads <= 3; ++threads) {
      Cpu cpu(features(), wide_needs(threads));
      together.emplace_back(starts.back(), heads.count * heads.dim, type);
      ASSERT_TRUE(cpu.run(attention_step(qkv.view(), starts, heads, together.back().view())).ok());
      ASSERT_TRUE(same_bits(together.back(), together.front())) << threads << " threads";
    }
    for (std::size_t text = 0; text < lengths.size(); ++text) {
      Cpu cpu(features(), WorkspaceNeeds{.largest_inputs = 1, .longest_text = lengths[text], .head_dim = heads.dim, .threads = 1});
      const std::vector<std::int32_t> own = {0, lengths[text]};
      const Matrix alone(lengths[text], heads.count * heads.dim, type);
      ASSERT_TRUE(cpu.run(attention_step(qkv.rows(starts[text], starts[text + 1]), own, heads, alone.view())).ok());
      for (std::int32_t row = 0; row < lengths[text]; ++row) {
        ASSERT_TRUE(std::ranges::equal(alone.row_bytes(row), together.front().row_bytes(starts[text] + row)))
            << "text of " << lengths[text] << ", row " << row;
      }
    }
  }
}

TEST_P(AttentionTest, ExtremeScoresDoNotOverflow) {
  Cpu cpu(features(), wide_needs(1));
  const Heads heads{1, 4};
  Matrix qkv(3, 12);
  for (std::int64_t row = 0; row < 3; ++row) {
    for (std::int64_t c = 0; c < 12; ++c) qkv.set(row, c, c < 4 ? 1000.0F : static_cast<float>(row) * (c < 8 ? 1000.0F : 1.0F));
  }
  const std::vector<std::int32_t> starts = {0, 3};
  const Matrix out(3, 4);
  ASSERT_TRUE(cpu.run(attention_step(qkv.view(), starts, heads, out.view())).ok());
  for (std::int64_t row = 0; row < 3; ++row) EXPECT_EQ(out.at(row, 0), 2.0);
}

TEST_P(AttentionTest, WhatIsNotANumberStaysInItsText) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(10);
  const Heads heads{2, 8};
  const std::vector<std::int32_t> starts = {0, 5, 9};
  Matrix qkv = random_qkv(numbers, 9, heads, ElementType::float32);
  qkv.set(2, heads.count * heads.dim + 1, std::nanf(""));
  const Matrix out(9, heads.count * heads.dim);
  ASSERT_TRUE(cpu.run(attention_step(qkv.view(), starts, heads, out.view())).ok());
  for (std::int64_t row = 0; row < 9; ++row) {
    EXPECT_EQ(std::isnan(out.at(row, 0)), row < 5) << row;
    EXPECT_FALSE(std::isnan(out.at(row, heads.dim))) << "the other head, " << row;
  }
}

TEST_P(AttentionTest, RefusesBadBounds) {
  Cpu cpu(features(), WorkspaceNeeds{.largest_inputs = 1, .longest_text = 4, .head_dim = 4, .threads = 1});
  const Matrix qkv(8, 12);
  const Matrix out(8, 4);
  for (const std::vector<std::int32_t>& starts : {std::vector<std::int32_t>{0, 5}, {0, 4, 3}, {-1, 2}, {6, 9}}) {
    EXPECT_FALSE(cpu.run(attention_step(qkv.view(), starts, Heads{1, 4}, out.view())).ok());
  }
  const std::vector<std::int32_t> fits = {0, 4, 8};
  EXPECT_TRUE(cpu.run(attention_step(qkv.view(), fits, Heads{1, 4}, out.view())).ok());
}

INSTANTIATE_TEST_SUITE_P(Features, AttentionTest, ::testing::ValuesIn(kAllFeatures), features_test_name);

}  // namespace
}  // namespace plimsoll::test
