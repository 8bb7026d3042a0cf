#include "recover/deficit.h"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

Plan plan_of(Bytes arenas, Bytes runtime) {
  Plan plan;
  plan.devices.resize(1);
  plan.devices.front().name = "cpu";
  plan.devices.front().arenas[0] = arenas;
  plan.smallest_budget = {{"gpu", mib(99)}, {"cpu", mib(20)}};
  plan.devices.front().runtime = runtime;
  return plan;
}

Error out_of(Bytes requested, Bytes free) {
  Error error{ErrorCode::out_of_memory, "gone"};
  error.memory = MemoryShortfall{"cpu", requested, free, {}, {}, {}};
  return error;
}

TEST(Deficit, OnlyWantOfMemoryIsRecovered) {
  const Plan plan = plan_of(mib(90), mib(10));
  EXPECT_TRUE(can_recover(plan, Error{ErrorCode::out_of_memory, ""}));
  EXPECT_TRUE(can_recover(plan, out_of(mib(2), mib(1))));
  Error elsewhere = out_of(mib(2), mib(1));
  elsewhere.memory->device = "gpu";
  EXPECT_FALSE(can_recover(plan, elsewhere));
  for (const ErrorCode code : {ErrorCode::io, ErrorCode::cancelled, ErrorCode::corrupt_file, ErrorCode::does_not_fit, ErrorCode::internal})
    EXPECT_FALSE(can_recover(plan, Error{code, ""}));
}

TEST(Deficit, TheNextBudgetIsTheTotalLessWhatWasShort) {
  const Plan plan = plan_of(mib(90), mib(10));
  EXPECT_EQ(next_budget(plan, out_of(mib(30), mib(20)), mib(1000)), mib(90));
  EXPECT_EQ(next_budget(plan, out_of(mib(30), mib(20)), mib(50)), mib(50)) << "never more than there is";
  EXPECT_EQ(next_budget(plan, out_of(mib(300), mib(20)), mib(1000)), Bytes{0});
}

TEST(Deficit, WithoutFiguresAPlanGivesUpWhatItCan) {
  const Plan plan = plan_of(mib(90), mib(10));
  EXPECT_EQ(next_budget(plan, out_of(mib(20), mib(30)), mib(1000)), mib(100) - kPage) << "figures that make no sense";
  EXPECT_EQ(next_budget(plan, Error{ErrorCode::out_of_memory, "no figures"}, mib(1000)), mib(80));
  EXPECT_EQ(next_budget(plan_of(mib(10), mib(10)), Error{ErrorCode::out_of_memory, "no figures"}, mib(1000)), mib(20)) << "tried again";
}

}  // namespace
}  // namespace plimsoll
