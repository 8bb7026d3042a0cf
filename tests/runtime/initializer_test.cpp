#include "runtime/initializer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace plimsoll {
namespace {

std::vector<float> filled(std::string_view name, float deviation, std::int64_t first, std::size_t count) {
  std::vector<float> out(count, -1.0F);
  fill_initial(name, deviation, first, out);
  return out;
}

TEST(FillInitial, IsNormalWithTheDeviationAskedFor) {
  const std::vector<float> x = filled("classifier.weight", 0.02F, 0, 200000);
  double sum = 0;
  double squares = 0;
  int beyond_two = 0;
  for (const float v : x) {
    sum += v;
    squares += static_cast<double>(v) * v;
    beyond_two += std::abs(v) > 0.04F ? 1 : 0;
  }
  const auto n = static_cast<double>(x.size());
  EXPECT_NEAR(sum / n, 0.0, 0.0002);
  EXPECT_NEAR(std::sqrt(squares / n), 0.02, 0.0002);
  EXPECT_NEAR(beyond_two / n, 0.0455, 0.002);
}

TEST(FillInitial, AnElementDependsOnItsNameAndIndexAlone) {
  const std::vector<float> whole = filled("classifier.weight", 1, 0, 100);
  const std::vector<float> tail = filled("classifier.weight", 1, 60, 40);
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + 60));
  EXPECT_NE(whole, filled("other.weight", 1, 0, 100));
}

TEST(FillInitial, ADeviationOfZeroGivesZeros) { EXPECT_EQ(filled("classifier.bias", 0, 0, 3), std::vector<float>(3, 0.0F)); }

}  // namespace
}  // namespace plimsoll
