#include "task/scores.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

namespace plimsoll {
namespace {

std::array<float, 3> scores(ScoreRule rule, std::array<float, 3> logits) {
  std::array<float, 3> out{};
  score(rule, logits, out);
  return out;
}

TEST(Score, SoftmaxSumsToOneAndSurvivesLargeLogits) {
  const auto out = scores(ScoreRule::softmax, {1000, 999, -1000});
  EXPECT_NEAR(std::accumulate(out.begin(), out.end(), 0.0F), 1.0F, 1e-6);
  EXPECT_NEAR(out[0], 0.7310586F, 1e-6);
  EXPECT_EQ(out[2], 0.0F);
}

TEST(Score, SigmoidScoresEachLabelByItself) {
  const auto out = scores(ScoreRule::sigmoid, {0, 2, -100});
  EXPECT_NEAR(out[0], 0.5F, 1e-7);
  EXPECT_NEAR(out[1], 0.8807971F, 1e-6);
  EXPECT_NEAR(out[2], 0.0F, 1e-7);
}

TEST(Score, RegressionIsTheRawValue) { EXPECT_EQ(scores(ScoreRule::regression, {-3.5F, 0, 7}), (std::array<float, 3>{-3.5F, 0, 7})); }

}  // namespace
}  // namespace plimsoll
