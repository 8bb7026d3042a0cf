#include "process/pressure_rule.h"

#include <gtest/gtest.h>

namespace plimsoll::test {
namespace {

using cli::PressureRule;

constexpr Bytes kPlanned = mib(400);
constexpr Bytes kSmallest = mib(350);
constexpr double kTense = PressureRule::kTense;

/// Looks until something changes, at most so often. True if it did.
bool changes(PressureRule& rule, double waited, Bytes planned, int looks) {
  for (int i = 0; i < looks; ++i) {
    if (rule.look(waited, planned)) return true;
  }
  return false;
}

TEST(PressureRule, IsSilentWithoutPressure) {
  PressureRule rule([] { return kSmallest; });
  EXPECT_FALSE(changes(rule, kTense - 0.1, kPlanned, 1000));
  EXPECT_GT(rule.most(), mib(1 << 20));
}

TEST(PressureRule, GivesBackAStepAtATimeAndNoneBelowTheSmallest) {
  PressureRule rule([] { return kSmallest; });
  EXPECT_FALSE(changes(rule, 90, kPlanned, PressureRule::kPatience)) << "what it says is older than this run";
  ASSERT_TRUE(rule.look(90, kPlanned));
  EXPECT_EQ(rule.most(), kSmallest) << "an eighth would be 350";
  EXPECT_FALSE(changes(rule, 90, kSmallest, 100)) << "nothing is left to give";
  PressureRule deep([] { return mib(1); });
  ASSERT_TRUE(changes(deep, 90, kPlanned, 10));
  EXPECT_EQ(deep.most(), mib(350));
  EXPECT_FALSE(changes(deep, 90, mib(350), PressureRule::kPatience));
  EXPECT_TRUE(deep.look(90, mib(350)));
}

TEST(PressureRule, EndsWhereItDoesNotHelp) {
  PressureRule rule([] { return mib(1); });
  int steps = 0;
  for (int look = 0; look < 1000; ++look) steps += rule.look(90, kPlanned) ? 1 : 0;
  EXPECT_EQ(steps, PressureRule::kMostSteps);
}

TEST(PressureRule, LiftsItselfAfterACalm) {
  PressureRule rule([] { return mib(1); });
  ASSERT_TRUE(changes(rule, 90, kPlanned, 10));
  EXPECT_FALSE(changes(rule, 0, kPlanned, PressureRule::kCalmLooks - 1));
  EXPECT_FALSE(rule.look(PressureRule::kCalm + 1, kPlanned)) << "the calm begins anew";
  EXPECT_FALSE(changes(rule, 0, kPlanned, PressureRule::kCalmLooks - 1));
  EXPECT_TRUE(rule.look(0, kPlanned));
  EXPECT_GT(rule.most(), kPlanned);
  EXPECT_FALSE(changes(rule, 0, kPlanned, 100)) << "told once";
  EXPECT_TRUE(changes(rule, 90, kPlanned, 10)) << "and there again when needed";
}

}  // namespace
}  // namespace plimsoll::test
