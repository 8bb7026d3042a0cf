#include "process/watcher.h"

#include <gtest/gtest.h>

namespace plimsoll::test {
namespace {

using cli::BudgetRule;
using cli::RiseRule;

constexpr Bytes kPlanned = mib(400);
constexpr Bytes kSmallest = mib(100);

TEST(BudgetRule, SaysNothingWhileThereIsEnough) {
  BudgetRule rule(mib(1000), [] { return kSmallest; });
  for (int look = 0; look < 50; ++look) {
    EXPECT_FALSE(rule.look(mib(1000), kPlanned));
    EXPECT_FALSE(rule.look(mib(1000) - kib(100), kPlanned)) << "noise";
  }
  EXPECT_FALSE(rule.look(mib(600), mib(100))) << "a fall that leads nowhere near the plan";
}

TEST(BudgetRule, TellsOfAShortageBeforeItComes) {
  BudgetRule rule(mib(1000), [] { return kSmallest; });
  EXPECT_FALSE(rule.look(mib(520), mib(10)));
  const auto told = rule.look(mib(490), kPlanned);
  ASSERT_TRUE(told) << "at 30 MiB a look it is here in three";
  EXPECT_LT(*told, kPlanned);
  EXPECT_GE(*told, kSmallest);
}

TEST(BudgetRule, TellsOfAShortageThatIsHere) {
  BudgetRule rule(kPlanned, [] { return kSmallest; });
  const auto told = rule.look(kPlanned - mib(2), kPlanned);
  ASSERT_TRUE(told);
  EXPECT_LE(*told, kPlanned - mib(2));
}

TEST(BudgetRule, AsksForNoMoreThanThePlanCanGiveUnlessItIsMissing) {
  BudgetRule rule(kPlanned, [] { return kSmallest; });
  EXPECT_EQ(rule.look(mib(101), kPlanned), kSmallest) << "far below it soon, but not yet";
  EXPECT_FALSE(rule.look(kSmallest - mib(2), kSmallest)) << "the group's allowance bears this";
  EXPECT_EQ(rule.look(kSmallest - mib(5), kSmallest), kSmallest - mib(5)) << "this is a failure";
}

TEST(BudgetRule, TellsOfARiseOnceItIsCalmAndWorthIt) {
  BudgetRule rule(kPlanned, [] { return kSmallest; });
  const auto told = rule.look(mib(300), kPlanned);
  ASSERT_TRUE(told);
  for (int look = 0; look < 30; ++look) EXPECT_FALSE(rule.look(Bytes{told->count * 104 / 100}, kSmallest)) << "less than a twentieth";
  std::optional<Bytes> risen;
  int looks = 0;
  while (!risen && looks < 100) {
    risen = rule.look(mib(390), kSmallest);
    ++looks;
  }
  EXPECT_EQ(risen, mib(390));
  EXPECT_FALSE(rule.look(mib(391), kSmallest)) << "told already";
  EXPECT_FALSE(rule.look(mib(340), kSmallest));
  for (int look = 0; look < 5; ++look) EXPECT_FALSE(rule.look(mib(600), kSmallest)) << "it has just fallen";
}

TEST(RiseRule, TellsOfARiseOnceItIsCalmAndWorthIt) {
  RiseRule rule(mib(400));
  const auto looks_until_told = [&](Bytes available) {
    for (int look = 1; look <= 50; ++look) {
      if (const auto told = rule.look(available)) {
        EXPECT_EQ(*told, available);
        return look;
      }
    }
    return 0;
  };
  EXPECT_EQ(looks_until_told(mib(400)), 0);
  EXPECT_EQ(looks_until_told(mib(410)), 0) << "not worth a plan";
  EXPECT_EQ(looks_until_told(mib(100)), 0) << "what is held is not taken away";
  EXPECT_GT(looks_until_told(mib(390)), 0) << "more than there was in between";
  EXPECT_EQ(looks_until_told(mib(390)), 0) << "told already";
  EXPECT_FALSE(rule.look(mib(300)));
  EXPECT_GT(looks_until_told(mib(800)), 5) << "it has just fallen";
}

}  // namespace
}  // namespace plimsoll::test
