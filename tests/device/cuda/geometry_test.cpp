// Sizes of launches, the choice of a path, and rates: plain functions.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "device/cuda/cuda_figures.h"
#include "device/cuda/launch.h"
#include "device/cuda/linear_path.h"
#include "device/cuda/open_cuda.h"

namespace plimsoll::test {
namespace {

using cuda::Grid;

TEST(CudaGeometry, GridsCoverEverythingOnce) {
  for (const std::int64_t n : {0, 1, 63, 64, 65, 255, 256, 257, 1000}) {
    EXPECT_EQ(cuda::row_grid(n).x, n);
    EXPECT_GE(cuda::element_grid(n).x * cuda::kRowThreads, n);
    EXPECT_LT((cuda::element_grid(n).x - 1) * cuda::kRowThreads, std::max<std::int64_t>(n, 1));
    const Grid tiles = cuda::linear_grid(n, 130);
    EXPECT_GE(tiles.x * cuda::kLinearTile, n);
    EXPECT_EQ(tiles.y, 3);
    EXPECT_EQ(cuda::linear_grid(n, 130).empty(), n == 0);
  }
  EXPECT_FALSE(cuda::linear_grid(1, 65536LL * 64).launchable());
  EXPECT_TRUE(cuda::linear_grid(1, 65535LL * 64).launchable());
}

/// Every block of queries of every text has a number, and no number more than one: as the kernels' bisection reads them.
TEST(CudaGeometry, QueryBlocksOfAllTextsHaveNumbers) {
  const std::vector<std::int64_t> lengths = {1, 64, 0, 65, 63, 128, 0, 0, 300, 2};
  for (const std::int64_t queries : {32, 64}) {
    std::int64_t tokens = 0;
    for (const std::int64_t length : lengths) tokens += length;
    const Grid grid = cuda::attention_grid(tokens, std::ssize(lengths), 3, queries, 0);
    EXPECT_EQ(grid.y, 3);
    std::set<std::int64_t> numbers;
    std::int64_t start = 0;
    for (std::size_t text = 0; text < lengths.size(); ++text) {
      for (std::int64_t block = 0; block * queries < lengths[text]; ++block) {
        const std::int64_t number = start / queries + static_cast<std::int64_t>(text) + block;
        EXPECT_TRUE(numbers.insert(number).second) << text;
        EXPECT_LT(number, grid.x);
      }
      start += lengths[text];
    }
  }
  EXPECT_TRUE(cuda::attention_grid(0, 1, 1, 32, 0).empty());
  EXPECT_TRUE(cuda::attention_grid(5, -1, 1, 32, 0).empty());
}

TEST(CudaGeometry, HeadsOnTensorCoresAreFilledUp) {
  const std::map<std::int64_t, std::int64_t> widths = {{1, 32}, {32, 32}, {33, 64}, {64, 64}, {65, 128}, {128, 128}, {129, 0}};
  for (const auto& [head_dim, width] : widths) EXPECT_EQ(cuda::tensor_head_dim(head_dim), width);
  EXPECT_EQ(cuda::float_pitch(64), 65);
  EXPECT_EQ(cuda::float_pitch(65), 65);
  EXPECT_EQ(cuda::float_attention_bytes(64), 32 * (3 * 65 + 33) * sizeof(float));
}

alignas(16) std::byte place[64];

LinearStep step_of(ElementType in, ElementType weight, ElementType out, std::int64_t inputs = 64,
                   WeightLayout layout = WeightLayout::rows) {
  return {{place, 3, inputs, inputs, in}, {place, {weight, layout}, 64, inputs}, nullptr, Activation::none, {place, 3, 64, 64, out}};
}

TEST(CudaGeometry, BlasTakesPlainAlignedRowsOfOneType) {
  using enum ElementType;
  EXPECT_TRUE(cuda::choose_path(step_of(float32, float32, float32)).blas);
  EXPECT_TRUE(cuda::choose_path(step_of(bfloat16, bfloat16, bfloat16)).blas);
  EXPECT_TRUE(cuda::choose_path(step_of(bfloat16, bfloat16, float32)).blas);
  EXPECT_FALSE(cuda::choose_path(step_of(float32, float32, bfloat16)).blas);
  EXPECT_FALSE(cuda::choose_path(step_of(float32, float16, float32)).blas);
  EXPECT_FALSE(cuda::choose_path(step_of(float32, float32, float32, 64, WeightLayout::panels)).blas);
  EXPECT_FALSE(cuda::choose_path(step_of(float32, float32, float32, 66)).blas);
  EXPECT_TRUE(cuda::choose_path(step_of(float32, float32, float32, 68)).blas);
  EXPECT_FALSE(cuda::choose_path(step_of(bfloat16, bfloat16, bfloat16, 68)).blas);
  LinearStep shifted = step_of(float32, float32, float32);
  shifted.out.data += 4;
  EXPECT_FALSE(cuda::choose_path(shifted).blas);
  shifted = step_of(float32, float32, float32);
  shifted.out.stride = 66;
  EXPECT_FALSE(cuda::choose_path(shifted).blas);
}

/// So that a row's bits do not depend on what is beside it.
TEST(CudaGeometry, TheNumberOfRowsAndOutputsChoosesNothing) {
  for (const std::int64_t rows : {0, 1, 7, 5000}) {
    for (const std::int64_t outputs : {1, 64, 777}) {
      LinearStep step = step_of(ElementType::bfloat16, ElementType::bfloat16, ElementType::bfloat16);
      step.x.rows = step.out.rows = rows;
      step.weight.outputs = outputs;
      EXPECT_TRUE(cuda::choose_path(step).blas);
    }
  }
}

TEST(CudaGeometry, EpiloguesDoWhatTheyDoExactly) {
  using enum ElementType;
  alignas(16) static const float bias[65] = {};
  const auto path = [&](Activation activation, ElementType type, const float* b) {
    LinearStep step = step_of(type, type, type);
    step.activation = activation;
    step.bias = b;
    return cuda::choose_path(step);
  };
  EXPECT_TRUE(path(Activation::none, float32, bias).fused);
  EXPECT_TRUE(path(Activation::none, float32, bias).needs_finish);
  EXPECT_FALSE(path(Activation::none, float32, nullptr).needs_finish);
  EXPECT_FALSE(path(Activation::none, float32, bias + 1).fused);
  EXPECT_TRUE(path(Activation::relu, bfloat16, bias).fused);
  EXPECT_FALSE(path(Activation::gelu, bfloat16, bias).fused);
  EXPECT_TRUE(path(Activation::gelu_tanh, bfloat16, bias).fused);
  EXPECT_FALSE(path(Activation::gelu_tanh, float32, bias).fused);
  EXPECT_FALSE(path(Activation::tanh, bfloat16, bias).fused);
}

TEST(CudaFigures, WorkspaceIsSmallAndRatesFollowTheGeneration) {
  EXPECT_LE(cuda_workspace_bytes({.largest_inputs = 8192, .longest_text = 4096, .head_dim = 128, .tokens = 1 << 20}), 4 << 20);
  const CudaRates a100 = cuda_rates({"A100", 8, 0, 108, 1.41e9});
  const CudaRates h100 = cuda_rates({"H100", 9, 0, 132, 1.83e9});
  EXPECT_NEAR(a100.bfloat16_flops, 0.6 * 312e12, 2e12);
  EXPECT_NEAR(h100.bfloat16_flops, 0.6 * 989e12, 5e12);
  EXPECT_NEAR(h100.float32_flops, 0.6 * 61.8e12, 1e12);
  EXPECT_GT(h100.link, a100.link);
  EXPECT_GT(cuda_rates({"later", 13, 0, 1, 1e9}).bfloat16_flops, 0);
}

}  // namespace
}  // namespace plimsoll::test
