#include "weights/weight_form.h"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

TEST(WeightForm, RowsTakeWhatTheFileTakes) {
  EXPECT_EQ(weight_bytes({ElementType::float32, WeightLayout::rows}, 3, 5), 60);
  EXPECT_EQ(weight_bytes({ElementType::bfloat16, WeightLayout::rows}, 3, 5), 30);
  EXPECT_EQ(weight_bytes({ElementType::float64, WeightLayout::rows}, 3, 5), 120);
}

TEST(WeightForm, PanelsRoundOutputsToSixtyFourAndBfloat16InputsToPairs) {
  EXPECT_EQ(weight_bytes({ElementType::float32, WeightLayout::panels}, 64, 5), 64 * 5 * 4);
  EXPECT_EQ(weight_bytes({ElementType::float32, WeightLayout::panels}, 65, 5), 128 * 5 * 4);
  EXPECT_EQ(weight_bytes({ElementType::float16, WeightLayout::panels}, 1, 5), 64 * 5 * 2);
  EXPECT_EQ(weight_bytes({ElementType::bfloat16, WeightLayout::panels}, 1, 5), 64 * 6 * 2);
}

TEST(ElementType, NamesAndSizes) {
  EXPECT_EQ(element_name(ElementType::bfloat16), "bfloat16");
  EXPECT_EQ(element_bytes(ElementType::bfloat16), 2U);
  EXPECT_EQ(element_name(ElementType::float64), "float64");
  EXPECT_EQ(element_bytes(ElementType::float64), 8U);
  EXPECT_EQ(element_name(ElementType::boolean), "bool");
  EXPECT_EQ(element_bytes(ElementType::boolean), 1U);
}

}  // namespace
}  // namespace plimsoll
