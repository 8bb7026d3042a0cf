#include <plimsoll/seconds.h>

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

TEST(Seconds, AreReadableAtEverySize) {
  EXPECT_EQ(format_seconds(0), "0.0 us");
  EXPECT_EQ(format_seconds(1.15e-5), "11.5 us");
  EXPECT_EQ(format_seconds(0.00141), "1.41 ms");
  EXPECT_EQ(format_seconds(0.0999), "99.90 ms");
  EXPECT_EQ(format_seconds(0.1), "0.10 s");
  EXPECT_EQ(format_seconds(2.304), "2.30 s");
  EXPECT_EQ(format_seconds(12345.67), "12345.7 s");
}

}  // namespace
}  // namespace plimsoll
