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

TEST(Deficit, TheNextBudgetIsTheTotalLessWhatWasShort) {
  const Plan plan = plan_of(mib(90), mib(10));
  EXPECT_EQ(next_budget(plan, 0, out_of(mib(30), mib(20)), mib(1000)), mib(90));
  EXPECT_EQ(next_budget(plan, 0, out_of(mib(30), mib(20)), mib(50)), mib(50)) << "never more than there is";
  EXPECT_EQ(next_budget(plan, 0, out_of(mib(300), mib(20)), mib(1000)), Bytes{0});
}

TEST(Deficit, WithoutFiguresAPlanGivesUpWhatItCan) {
  const Plan plan = plan_of(mib(90), mib(10));
  EXPECT_EQ(next_budget(plan, 0, out_of(mib(20), mib(30)), mib(1000)), mib(100) - kPage) << "figures that make no sense";
  EXPECT_EQ(next_budget(plan, 0, Error{ErrorCode::out_of_memory, "no figures"}, mib(1000)), mib(80));
  EXPECT_EQ(next_budget(plan_of(mib(10), mib(10)), 0, Error{ErrorCode::out_of_memory, "no figures"}, mib(1000)), mib(20)) << "tried again";
}

TEST(Deficit, AnotherDevicesBudgetIsLowered) {
  Plan plan = plan_of(mib(90), mib(10));
  plan.devices.push_back(plan.devices.front());
  plan.devices.back().name = "gpu";
  plan.devices.back().arenas[0] = mib(120);
  EXPECT_EQ(next_budget(plan, 1, out_of(mib(30), mib(20)), mib(1000)), mib(120));
  EXPECT_EQ(next_budget(plan, 1, Error{ErrorCode::out_of_memory, "no figures"}, mib(1000)), mib(130) - Bytes{mib(31).count / 4});
  Error in_pieces = out_of(mib(30), mib(80));
  in_pieces.memory->largest_piece = mib(16);
  EXPECT_EQ(next_budget(plan, 1, in_pieces, mib(1000)), mib(116)) << "what is free in pieces is of no use";
}

}  // namespace
}  // namespace plimsoll
