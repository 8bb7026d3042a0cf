// How cuBLASLt is asked, and what happens where it refuses.
#include "device/cuda/stand_in_driver.h"
#include "device/reference.h"

namespace plimsoll::test {
namespace {

using enum ElementType;

class CudaProducts : public CudaStepTest {
 protected:
  struct Layer {
    Matrix x;
    Matrix w;
    Matrix bias;
  };
  static Layer layer(ElementType type, std::int64_t rows = 33, std::int64_t outputs = 80, std::int64_t inputs = 72) {
    Numbers numbers(51);
    return {Matrix::random(numbers, rows, inputs, type), Matrix::random(numbers, outputs, inputs, type),
            Matrix::random(numbers, 1, outputs)};
  }
  Matrix compute(const Layer& layer, ElementType out_type, Activation activation = Activation::none) {
    const MatrixView out = take_matrix(layer.x.row_count(), layer.w.row_count(), out_type);
    const auto* bias = reinterpret_cast<const float*>(put(layer.bias).data);
    EXPECT_TRUE(run(LinearStep{put(layer.x), put_weight(layer.w), bias, activation, out}).ok());
    return get(out);
  }
  /// How many products and kernels a computation takes.
  struct Work {
    std::uint64_t products;
    std::uint64_t launches;
    friend bool operator==(const Work&, const Work&) = default;
  };
  template <typename Do>
  Work work(Do&& action) {
    const CudaStandInFigures before = figures();
    action();
    return {figures().products - before.products, figures().launches - before.launches};
  }
};

TEST_F(CudaProducts, BiasIsAddedInTheEpilogue) {
  const Layer all = layer(float32);
  EXPECT_EQ(work([&] { expect_linear(all.x, all.w, all.bias, compute(all, float32)); }), (Work{1, 0}));
  const Layer halves = layer(bfloat16);
  EXPECT_EQ(work([&] { expect_linear(halves.x, halves.w, halves.bias, compute(halves, bfloat16)); }), (Work{1, 0}));
  EXPECT_EQ(work([&] { expect_linear(halves.x, halves.w, halves.bias, compute(halves, float32)); }), (Work{1, 0}));
}

TEST_F(CudaProducts, WithoutAnEpilogueAKernelFinishes) {
  script("bias_of_another_type 1 1 0");
  const Layer halves = layer(bfloat16);
  EXPECT_EQ(work([&] { compute(halves, bfloat16); }), (Work{1, 1}));
  EXPECT_EQ(work([&] { compute(halves, bfloat16, Activation::gelu); }), (Work{1, 1}));
  EXPECT_EQ(work([&] { expect_linear(halves.x, halves.w, halves.bias, compute(halves, float32)); }), (Work{1, 0}));
}

TEST_F(CudaProducts, WhatCublasRefusesOurKernelComputes) {
  const Layer all = layer(float32);
  script("cublasLtMatmulAlgoGetHeuristic 15 1 0");
  EXPECT_EQ(work([&] { expect_linear(all.x, all.w, all.bias, compute(all, float32)); }), (Work{0, 1}));
}

TEST_F(CudaProducts, ARefusalOfOneProductIsNoError) {
  const Layer all = layer(float32);
  script("cublasLtMatmul 15");
  EXPECT_EQ(work([&] { expect_linear(all.x, all.w, all.bias, compute(all, float32)); }), (Work{0, 1}));
  EXPECT_EQ(work([&] { expect_linear(all.x, all.w, all.bias, compute(all, float32)); }), (Work{1, 0}));
}

TEST_F(CudaProducts, AFailedProductIsTypedAndTriedAgain) {
  const Layer all = layer(float32);
  const MatrixView out = take_matrix(33, 80);
  const LinearStep step{put(all.x), put_weight(all.w), nullptr, Activation::none, out};
  script("cublasLtMatmul 13");
  const Status failed = run(step);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::io);
  EXPECT_TRUE(run(step).ok());
}

/// One choice for a depth and its types, however many rows and outputs there are: the stand-in refuses an algorithm of another depth.
TEST_F(CudaProducts, AlgorithmsAreChosenOnce) {
  script("cublasLtMatmulAlgoGetHeuristic 15 2 0");  // only the first question is answered
  const Layer all = layer(float32);
  EXPECT_EQ(work([&] { compute(all, float32); }), (Work{1, 0}));
  for (const std::int64_t rows : {1, 5, 64}) {
    for (const std::int64_t outputs : {16, 64, 80}) {
      const Layer part = layer(float32, rows, outputs);
      EXPECT_EQ(work([&] { expect_linear(part.x, part.w, part.bias, compute(part, float32)); }), (Work{1, 0}));
    }
  }
}

TEST_F(CudaProducts, Float16WeightsAreWidenedByOurKernel) {
  Numbers numbers(52);
  const Layer all{Matrix::random(numbers, 33, 72), Matrix::random(numbers, 80, 72, float16), Matrix::random(numbers, 1, 80)};
  EXPECT_EQ(work([&] { expect_linear(all.x, all.w, all.bias, compute(all, float32)); }), (Work{0, 1}));
}

}  // namespace
}  // namespace plimsoll::test
