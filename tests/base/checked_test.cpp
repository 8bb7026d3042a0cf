#include "base/checked.h"

#include <gtest/gtest.h>
#include <cstdint>
#include <limits>

namespace plimsoll {
namespace {

constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();

TEST(CheckedArithmetic, GivesSumsAndProductsThatFit) {
  EXPECT_EQ(checked_add<std::uint64_t>(kMost - 1, 1), kMost);
  EXPECT_EQ(checked_mul<std::uint64_t>(std::uint64_t{1} << 32U, (std::uint64_t{1} << 32U) - 1), kMost - ((std::uint64_t{1} << 32U) - 1));
  EXPECT_EQ(checked_mul<std::int64_t>(kLeast, 1), kLeast);
}

TEST(CheckedArithmetic, GivesNothingWhenTheyWrap) {
  EXPECT_EQ(checked_add<std::uint64_t>(kMost, 1), std::nullopt);
  EXPECT_EQ(checked_mul<std::uint64_t>(std::uint64_t{1} << 32U, std::uint64_t{1} << 32U), std::nullopt);
  EXPECT_EQ(checked_mul<std::int64_t>(kLeast, -1), std::nullopt);
  EXPECT_EQ(checked_add<std::int64_t>(kLeast, -1), std::nullopt);
}

}  // namespace
}  // namespace plimsoll
