#include <algorithm>
#include <cmath>
#include <cstring>

#include "device/support.h"
#include "weights/convert.h"

namespace plimsoll::test {
namespace {

constexpr ElementType kFloats[] = {ElementType::float32, ElementType::bfloat16, ElementType::float16, ElementType::float64};
constexpr ElementType kForms[] = {ElementType::float32, ElementType::bfloat16, ElementType::float16};

/// Element [n, k] of a prepared matrix, read as weight_form.h describes the layouts.
double element(const Prepared& prepared, std::int64_t n, std::int64_t k) {
  const WeightForm form = prepared.view.form;
  const auto size = static_cast<std::int64_t>(element_bytes(form.type));
  std::int64_t index = n * prepared.view.inputs + k;
  if (form.layout == WeightLayout::panels) {
    const std::int64_t inside = form.type == ElementType::bfloat16 ? k / 2 * 128 + n % 64 * 2 + k % 2 : k * 64 + n % 64;
    index = n / 64 * (weight_bytes(form, 64, prepared.view.inputs) / size) + inside;
  }
  const std::byte* p = prepared.bytes.data() + index * size;
  if (form.type == ElementType::float32) {
    float value = 0;
    std::memcpy(&value, p, 4);
    return static_cast<double>(value);
  }
  std::uint16_t half = 0;
  std::memcpy(&half, p, 2);
  return static_cast<double>(form.type == ElementType::bfloat16 ? from_bfloat16(half) : from_float16(half));
}

double narrowed(double value, ElementType type) {
  const auto single = static_cast<float>(value);
  if (type == ElementType::bfloat16) return static_cast<double>(from_bfloat16(to_bfloat16(single)));
  if (type == ElementType::float16) return static_cast<double>(from_float16(to_float16(single)));
  return static_cast<double>(single);
}

class PrepareTest : public KernelTest {};

TEST_P(PrepareTest, EveryElementFindsItsPlace) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(15);
  for (const ElementType from : kFloats) {
    for (const ElementType to : kForms) {
      for (const WeightLayout layout : {WeightLayout::rows, WeightLayout::panels}) {
        for (const auto& [outputs, inputs] : {std::pair{1, 1}, {1, 37}, {63, 15}, {64, 16}, {65, 17}, {130, 31}, {70, 33}, {200, 2}}) {
          const Matrix w = Matrix::random(numbers, outputs, inputs, from);
          const Prepared prepared = prepare(cpu, w, WeightForm{to, layout});
          const std::int64_t padded = layout == WeightLayout::rows ? outputs : (outputs + 63) / 64 * 64;
          for (std::int64_t n = 0; n < padded; ++n) {
            for (std::int64_t k = 0; k < inputs; ++k) {
              ASSERT_EQ(element(prepared, n, k), n < outputs ? narrowed(w.at(n, k), to) : 0.0)
                  << n << ", " << k << " of " << outputs << " x " << inputs;
            }
            if (layout == WeightLayout::panels && to == ElementType::bfloat16 && inputs % 2 != 0) {
              ASSERT_EQ(element(prepared, n, inputs), 0.0);
            }
          }
        }
      }
    }
  }
}

TEST_P(PrepareTest, ChunksAtAnyAlignmentGiveTheWhole) {
  Cpu cpu(features(), wide_needs(2));
  Numbers numbers(16);
  const Matrix w = Matrix::random(numbers, 300, 45);
  for (const ElementType to : kForms) {
    for (const WeightLayout layout : {WeightLayout::rows, WeightLayout::panels}) {
      const WeightForm form{to, layout};
      const Prepared whole = prepare(cpu, w, form);
      for (const std::int64_t chunk : {64, 128, 192}) {
        std::vector<std::byte> bytes(whole.bytes.size());
        for (std::int64_t first = 0; first < 300; first += chunk) {
          const std::int64_t count = std::min(chunk, 300 - first);
          std::vector<std::byte> source(static_cast<std::size_t>(count * 45 * 4 + 3));
          std::memcpy(source.data() + 3, w.data() + first * 45 * 4, source.size() - 3);
          const PrepareStep step{source.data() + 3, ElementType::float32, count, 45, first, 300, form, bytes.data()};
          ASSERT_TRUE(cpu.run(step).ok());
        }
        ASSERT_EQ(bytes, whole.bytes);
      }
    }
  }
}

TEST_P(PrepareTest, SpecialValuesConvertAsTheScalarsDo) {
  Cpu cpu(features(), wide_needs(1));
  const std::vector<float> specials = {0.0F,    -0.0F,    1.0F,      65504.0F,    65519.0F,    65520.0F,       1e9F,
                                       -1e9F,   6.1e-5F,  5.9e-8F,   2.9e-8F,     3.0e-8F,     -1e-40F,        1e-45F,
                                       3.4e38F, INFINITY, -INFINITY, 1.00390625F, 1.01171875F, 1.00048828125F, 1.00146484375F};
  Matrix w(1, static_cast<std::int64_t>(specials.size()));
  for (std::size_t i = 0; i < specials.size(); ++i) w.set(0, static_cast<std::int64_t>(i), specials[i]);
  for (const ElementType to : kForms) {
    const Prepared prepared = prepare(cpu, w, WeightForm{to, WeightLayout::rows});
    for (std::int64_t k = 0; k < w.cols(); ++k) {
      EXPECT_EQ(element(prepared, 0, k), narrowed(w.at(0, k), to)) << w.at(0, k) << " to " << element_name(to);
      EXPECT_EQ(std::signbit(element(prepared, 0, k)), std::signbit(w.at(0, k)));
    }
  }
  w.set(0, 3, std::nanf(""));
  for (const ElementType to : kForms) EXPECT_TRUE(std::isnan(element(prepare(cpu, w, WeightForm{to, WeightLayout::rows}), 0, 3)));
}

TEST_P(PrepareTest, RefusesRowsBeyondTheMatrix) {
  Cpu cpu(features(), wide_needs(1));
  std::vector<std::byte> bytes(4096);
  const WeightForm rows{ElementType::float32, WeightLayout::rows};
  const WeightForm panels{ElementType::float32, WeightLayout::panels};
  EXPECT_FALSE(cpu.run(PrepareStep{bytes.data(), ElementType::float32, 65, 1, 0, 64, rows, bytes.data()}).ok());
  EXPECT_FALSE(cpu.run(PrepareStep{bytes.data(), ElementType::float32, 2, 1, 32, 64, panels, bytes.data()}).ok());
  EXPECT_FALSE(cpu.run(PrepareStep{bytes.data(), ElementType::float32, 3, 1, 0, 64, panels, bytes.data()}).ok());
  EXPECT_FALSE(cpu.run(PrepareStep{bytes.data(), ElementType::int64, 1, 1, 0, 1, rows, bytes.data()}).ok());
}

INSTANTIATE_TEST_SUITE_P(Features, PrepareTest, ::testing::ValuesIn(kAllFeatures), features_test_name);

}  // namespace
}  // namespace plimsoll::test
