#include <algorithm>

#include "device/cpu/work.h"
#include "device/support.h"

namespace plimsoll::test {
namespace {

constexpr std::byte kPattern{0xa5};

class WorkspaceTest : public KernelTest {};

/// Index past the last byte of `bytes` that no longer holds the pattern.
std::int64_t highest_touched(std::span<const std::byte> bytes) {
  auto last = std::ssize(bytes);
  while (last > 0 && bytes[static_cast<std::size_t>(last - 1)] == kPattern) --last;
  return last;
}

Matrix filled(std::int64_t rows, std::int64_t cols) {
  Matrix m(rows, cols);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) m.set(r, c, 0.3F + static_cast<float>(r % 7) - static_cast<float>(c % 5) * 0.37F);
  }
  return m;
}

/// Runs a linear layer of K x 64 over `rows` rows and attention over one text of `rows` tokens, on one thread.
std::int64_t touched_by(CpuFeatures features, WorkspaceNeeds needs, std::int64_t rows, bool linear, bool attention) {
  Cpu cpu(features, needs);
  std::ranges::fill(cpu.workspace(), kPattern);
  if (linear) {
    const Matrix x = filled(rows, needs.largest_inputs);
    const Matrix w = filled(64, needs.largest_inputs);
    const Matrix out(rows, 64);
    EXPECT_TRUE(cpu.run(LinearStep{x.view(), w.weight(), nullptr, Activation::none, out.view()}).ok());
  }
  if (attention) {
    const Matrix qkv = filled(rows, 3 * needs.head_dim);
    const Matrix out(rows, needs.head_dim);
    const std::vector<std::int32_t> starts = {0, static_cast<std::int32_t>(rows)};
    EXPECT_TRUE(cpu.run(AttentionStep{qkv.view(), starts, 1, needs.head_dim, 0.25F, out.view()}).ok());
  }
  return highest_touched(cpu.workspace());
}

TEST_P(WorkspaceTest, IsUsedToItsEndAndNoFurther) {
  for (const std::int64_t tokens : {1, 15, 64, 129, 300}) {
    for (const std::int64_t head_dim : {12, 64, 80}) {
      for (const std::int64_t inputs : {16, 100, 1000}) {
        const WorkspaceNeeds needs{.largest_inputs = inputs, .longest_text = tokens, .head_dim = head_dim, .threads = 1, .tokens = tokens};
        const std::int64_t planned = cpu_workspace_bytes(needs);
        const std::int64_t touched = touched_by(features(), needs, tokens, true, true);
        EXPECT_GT(touched, planned - cpu::kScratchAlignment) << tokens << " tokens, head " << head_dim << ", K " << inputs;
      }
    }
  }
}

TEST_P(WorkspaceTest, LinearLayersAloneNeedTheirOwnPart) {
  const WorkspaceNeeds needs{.largest_inputs = 100, .threads = 1, .tokens = 50};
  EXPECT_EQ(touched_by(features(), needs, 50, true, false), cpu_workspace_bytes(needs));
}

TEST_P(WorkspaceTest, GrowsWithThreadsAndIsRefusedWhenSmaller) {
  WorkspaceNeeds needs{.largest_inputs = 64, .longest_text = 16, .head_dim = 16, .threads = 1, .tokens = 16};
  const std::int64_t one = cpu_workspace_bytes(needs);
  EXPECT_EQ(one % 64, 0);
  needs.threads = 3;
  EXPECT_EQ(cpu_workspace_bytes(needs), 3 * one);
  Gate gate;
  const auto os = make_os(gate);
  auto pool = ThreadPool::create(*os, 3);
  ASSERT_TRUE(pool.ok());
  std::vector<std::byte> memory(static_cast<std::size_t>(3 * one));
  EXPECT_TRUE(CpuKernels::create(**pool, features(), needs, memory).ok());
  const auto small = CpuKernels::create(**pool, features(), needs, std::span(memory).first(memory.size() - 1));
  ASSERT_FALSE(small.ok());
  EXPECT_EQ(small.error().code, ErrorCode::internal);
  needs.threads = 2;
  EXPECT_FALSE(CpuKernels::create(**pool, features(), needs, memory).ok());
}

INSTANTIATE_TEST_SUITE_P(Features, WorkspaceTest, ::testing::ValuesIn(kAllFeatures), features_test_name);

}  // namespace
}  // namespace plimsoll::test
