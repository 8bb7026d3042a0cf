#include "weights/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace plimsoll {
namespace {

TEST(Convert, EveryBfloat16ComesBack) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = from_bfloat16(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) EXPECT_TRUE(std::isnan(from_bfloat16(to_bfloat16(value))));
    else EXPECT_EQ(to_bfloat16(value), bits);
  }
}

TEST(Convert, EveryFloat16ComesBack) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = from_float16(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) EXPECT_TRUE(std::isnan(from_float16(to_float16(value))));
    else EXPECT_EQ(to_float16(value), bits);
  }
}

/// The definition: (-1)^s 2^(e-15) (1 + f/1024), and 2^-14 f/1024 for e = 0.
TEST(Convert, Float16HasItsDefinedValue) {
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const int exponent = static_cast<int>(bits >> 10);
    const double fraction = static_cast<double>(bits & 0x3ffU) / 1024;
    const double expected = exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
    ASSERT_EQ(static_cast<double>(from_float16(static_cast<std::uint16_t>(bits))), expected);
    ASSERT_EQ(static_cast<double>(from_float16(static_cast<std::uint16_t>(bits | 0x8000U))), -expected);
  }
  EXPECT_EQ(from_float16(0x7c00), std::numeric_limits<float>::infinity());
}

/// Half way between neighbours goes to the even one; a hair to either side goes to the nearer.
template <typename Narrow, typename Widen>
void expect_nearest_even(Narrow narrow, Widen widen, std::uint16_t last_finite) {
  for (std::uint32_t bits = 0; bits < last_finite; ++bits) {
    const float low = widen(static_cast<std::uint16_t>(bits));
    const float high = widen(static_cast<std::uint16_t>(bits + 1));
    const auto middle = static_cast<float>((static_cast<double>(low) + static_cast<double>(high)) / 2);
    ASSERT_EQ(narrow(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    ASSERT_EQ(narrow(std::nextafter(middle, high)), bits + 1) << bits;
    ASSERT_EQ(narrow(std::nextafter(middle, low)), bits) << bits;
  }
}

TEST(Convert, RoundsToNearestEven) {
  expect_nearest_even(to_bfloat16, from_bfloat16, 0x7f7f);
  expect_nearest_even(to_float16, from_float16, 0x7bff);
  EXPECT_EQ(to_float16(65519.996F), 0x7bff);
  EXPECT_EQ(to_float16(65520.0F), 0x7c00);
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()), 0x7f80);
}

}  // namespace
}  // namespace plimsoll
