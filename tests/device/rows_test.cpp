#include <algorithm>
#include <cmath>
#include <limits>

#include "device/reference.h"
#include "device/support.h"

namespace plimsoll::test {
namespace {

class RowsTest : public KernelTest {};

TEST_P(RowsTest, LayerNormIsCloseToFloat64) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(11);
  for (const std::int64_t cols : {1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 384, 769, 1024}) {
    for (const ElementType type : {ElementType::float32, ElementType::bfloat16}) {
      const Matrix x = Matrix::random(numbers, 5, cols, type);
      const Matrix residual = Matrix::random(numbers, 5, cols, type);
      const Matrix gamma = Matrix::random(numbers, 1, cols);
      const Matrix beta = Matrix::random(numbers, 1, cols);
      const Matrix out(5, cols, type);
      ASSERT_TRUE(cpu.run(LayerNormStep{x.view(), {}, floats(gamma), floats(beta), 1e-5F, out.view()}).ok());
      ASSERT_NO_FATAL_FAILURE(expect_layer_norm(x, nullptr, gamma, beta, 1e-5, out));
      ASSERT_TRUE(cpu.run(LayerNormStep{x.view(), residual.view(), floats(gamma), floats(beta), 1e-5F, out.view()}).ok());
      ASSERT_NO_FATAL_FAILURE(expect_layer_norm(x, &residual, gamma, beta, 1e-5, out));
    }
  }
}

TEST_P(RowsTest, LayerNormMayOverwriteItsInputsAndRowsAreTheirOwn) {
  Numbers numbers(12);
  const Matrix x = Matrix::random(numbers, 37, 129);
  const Matrix residual = Matrix::random(numbers, 37, 129);
  const Matrix gamma = Matrix::random(numbers, 1, 129);
  const Matrix beta = Matrix::random(numbers, 1, 129);
  Cpu one(features(), wide_needs(1));
  const Matrix expected(37, 129);
  ASSERT_TRUE(one.run(LayerNormStep{x.view(), residual.view(), floats(gamma), floats(beta), 1e-12F, expected.view()}).ok());
  Cpu cpu(features(), wide_needs(3));
  for (std::int64_t row = 0; row < 37; ++row) {
    const Matrix out(1, 129);
    ASSERT_TRUE(
        cpu.run(LayerNormStep{x.rows(row, row + 1), residual.rows(row, row + 1), floats(gamma), floats(beta), 1e-12F, out.view()}).ok());
    ASSERT_TRUE(std::ranges::equal(out.row_bytes(0), expected.row_bytes(row)));
  }
  ASSERT_TRUE(cpu.run(LayerNormStep{x.view(), residual.view(), floats(gamma), floats(beta), 1e-12F, residual.view()}).ok());
  EXPECT_TRUE(same_bits(residual, expected));
}

TEST_P(RowsTest, EmbeddingSumsTablesOfAnyType) {
  using enum ElementType;
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(13);
  const std::vector<std::int32_t> ids = {4, 0, 29, 4, 7};
  const std::vector<std::int32_t> positions = {2, 3, 4, 0, 1};
  const std::vector<std::int32_t> types = {0, 1, 1, 0, 1};
  for (const ElementType stored : {float32, bfloat16, float16, float64}) {
    for (const std::int64_t cols : {1, 7, 16, 33}) {
      const Matrix words = Matrix::random(numbers, 30, cols, stored);
      const Matrix places = Matrix::random(numbers, 5, cols, stored);
      const Matrix kinds = Matrix::random(numbers, 2, cols, stored);
      const Matrix out(5, cols);
      const Matrix bare(5, cols, bfloat16);
      ASSERT_TRUE(
          cpu.run(EmbedStep{words.weight(), places.weight(), kinds.weight(), ids.data(), positions.data(), types.data(), out.view()}).ok());
      ASSERT_TRUE(cpu.run(EmbedStep{words.weight(), {}, {}, ids.data(), nullptr, nullptr, bare.view()}).ok());
      for (std::size_t t = 0; t < ids.size(); ++t) {
        for (std::int64_t c = 0; c < cols; ++c) {
          const auto word = static_cast<float>(words.at(ids[t], c));
          const float sum = word + static_cast<float>(places.at(positions[t], c)) + static_cast<float>(kinds.at(types[t], c));
          ASSERT_EQ(out.at(static_cast<std::int64_t>(t), c), static_cast<double>(sum));
          ASSERT_NEAR(bare.at(static_cast<std::int64_t>(t), c), static_cast<double>(word),
                      unit_roundoff(bfloat16) * std::abs(static_cast<double>(word)));
        }
      }
    }
  }
}

TEST_P(RowsTest, GatherCopiesExactly) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(14);
  const std::vector<std::int32_t> rows = {3, 0, 3, 8};
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16}) {
    const Matrix x = Matrix::random(numbers, 9, 13, type);
    const Matrix out(4, 13, type, 17);
    ASSERT_TRUE(cpu.run(GatherRowsStep{x.view(), rows.data(), out.view()}).ok());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(out.row_bytes(static_cast<std::int64_t>(i)), x.row_bytes(rows[i])));
    }
  }
}

struct NamedActivation {
  Activation kind;
  double (*reference)(double);
  double absolute;  ///< allowed error, plus 4e-7 of the value
};

constexpr NamedActivation kActivations[] = {
    {Activation::gelu, [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }, 1e-6},
    {Activation::gelu_tanh, [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }, 1e-6},
    {Activation::relu, [](double x) { return x > 0 ? x : 0.0; }, 0},
    {Activation::silu, [](double x) { return x / (1 + std::exp(-x)); }, 1e-36},
    {Activation::tanh, [](double x) { return std::tanh(x); }, 0},
};

/// A product with the 1 x 1 identity: what remains is the activation.
TEST_P(RowsTest, ActivationsAreCloseToFloat64) {
  Cpu cpu(features(), wide_needs(2));
  Matrix one(1, 1);
  one.set(0, 0, 1);
  std::vector<float> points = {0, -0.0F, 1e-30F, -1e-30F, 1e30F, -1e30F, 88, -88, 100, -100};
  for (float x = -20; x < 20; x += 0.0037F) points.push_back(x);
  const auto count = static_cast<std::int64_t>(points.size());
  Matrix x(count, 1);
  for (std::int64_t i = 0; i < count; ++i) x.set(i, 0, points[static_cast<std::size_t>(i)]);
  for (const NamedActivation& activation : kActivations) {
    const Matrix out(count, 1);
    ASSERT_TRUE(cpu.run(LinearStep{x.view(), one.weight(), nullptr, activation.kind, out.view()}).ok());
    for (std::int64_t i = 0; i < count; ++i) {
      const double expected = activation.reference(x.at(i, 0));
      ASSERT_NEAR(out.at(i, 0), expected, activation.absolute + 4e-7 * std::abs(expected))
          << "activation " << static_cast<int>(activation.kind) << " at " << x.at(i, 0);
    }
  }
}

TEST_P(RowsTest, ActivationsHaveLimits) {
  Cpu cpu(features(), wide_needs(1));
  Matrix one(1, 1);
  one.set(0, 0, 1);
  Matrix x(2, 1);
  x.set(0, 0, std::numeric_limits<float>::infinity());
  x.set(1, 0, -1e38F);
  for (const NamedActivation& activation : kActivations) {
    const Matrix out(2, 1);
    ASSERT_TRUE(cpu.run(LinearStep{x.view(), one.weight(), nullptr, activation.kind, out.view()}).ok());
    EXPECT_EQ(out.at(0, 0), activation.kind == Activation::tanh ? 1.0 : static_cast<double>(std::numeric_limits<float>::infinity()));
    EXPECT_NEAR(out.at(1, 0), activation.kind == Activation::tanh ? -1.0 : 0.0, activation.kind == Activation::silu ? 1.0 : 0.0);
  }
}

INSTANTIATE_TEST_SUITE_P(Features, RowsTest, ::testing::ValuesIn(kAllFeatures), features_test_name);

}  // namespace
}  // namespace plimsoll::test
