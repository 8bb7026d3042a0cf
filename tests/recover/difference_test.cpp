#include "recover/difference.h"

#include <gtest/gtest.h>

#include "plan/layout/schedule.h"

namespace plimsoll {
namespace {

using Kind = SessionEvent::Kind;

Plan plan_of(Bytes total, double seconds) {
  Plan plan;
  plan.devices.resize(1);
  plan.devices.front().name = "cpu";
  plan.devices.front().arenas[0] = total;
  plan.tokens_per_pass = 100;
  plan.texts_per_pass = 10;
  plan.pass_seconds = seconds;
  plan.layers = {{"layer 0", {}, "cpu", "cpu", ElementType::float32, ElementType::float32}};
  Schedule schedule;
  schedule.values = {{ElementType::float32, 64, 100, 8}};
  plan.schedule = std::make_shared<const Schedule>(std::move(schedule));
  return plan;
}

TEST(Difference, ValuesAreTheSameWhenAPassCanGoOn) {
  const Plan plan = plan_of(mib(1), 1);
  EXPECT_TRUE(same_values(plan, plan_of(mib(2), 2)));
  for (const PlannedValue& other : {PlannedValue{ElementType::bfloat16, 64, 100, 8}, PlannedValue{ElementType::float32, 128, 100, 8},
                                    PlannedValue{ElementType::float32, 64, 50, 8}}) {
    Plan changed = plan;
    Schedule schedule;
    schedule.values = {other};
    changed.schedule = std::make_shared<const Schedule>(std::move(schedule));
    EXPECT_FALSE(same_values(plan, changed));
  }
  Plan smaller = plan;
  smaller.tokens_per_pass = 50;
  EXPECT_FALSE(same_values(plan, smaller));
}

TEST(Difference, PrecisionIsThatOfEveryLayer) {
  const Plan plan = plan_of(mib(1), 1);
  Plan other = plan;
  EXPECT_TRUE(same_precision(plan, other));
  other.layers.front().dtype = ElementType::float16;
  EXPECT_FALSE(same_precision(plan, other));
  other = plan;
  other.layers.front().compute_dtype = ElementType::bfloat16;
  EXPECT_FALSE(same_precision(plan, other));
}

TEST(Difference, SpeedIsThatOfATokenNotOfAPass) {
  Plan large = plan_of(mib(1), 1);
  Plan small = plan_of(mib(1), 0.6);
  small.tokens_per_pass = 50;
  EXPECT_TRUE(is_faster(large, small));
  EXPECT_FALSE(is_faster(small, large));
  EXPECT_FALSE(is_faster(large, large));
}

TEST(Difference, AChangeSaysWhatHappenedWhatItGaveUpAndWhatItCosts) {
  const Plan before = plan_of(mib(100), 1);
  Plan after = plan_of(mib(60), 1.5);
  after.sacrifices = {{Rung::stream, 0.5, mib(40), "12 of 24 layers are read"}};
  const SessionEvent event = describe_change(Kind::shed, 0, "the budget fell to 64 MiB", before, after);
  EXPECT_EQ(event.kind, Kind::shed);
  EXPECT_EQ(event.rungs, std::vector{Rung::stream});
  EXPECT_EQ(event.device, "cpu");
  EXPECT_DOUBLE_EQ(event.cost_seconds, 0.5);
  EXPECT_EQ(event.text, "the budget fell to 64 MiB: " + format_bytes(mib(60)) + " instead of " + format_bytes(mib(100)) +
                            ", 12 of 24 layers are read, 0.50 s more a pass");
}

TEST(Difference, RungsThatAreGoneOrWentFurtherAreNamed) {
  Plan before = plan_of(mib(60), 1.5);
  before.sacrifices = {{Rung::stream, 0.5, {}, "12 layers"}, {Rung::gather, 0, {}, "rows"}};
  Plan after = plan_of(mib(80), 1.2);
  after.sacrifices = {{Rung::stream, 0.2, {}, "6 layers"}};
  const SessionEvent event = describe_change(Kind::grown, 0, "the budget rose", before, after);
  EXPECT_EQ(event.rungs, (std::vector{Rung::stream, Rung::gather}));
  EXPECT_LT(event.cost_seconds, 0);
  EXPECT_NE(event.text.find("6 layers, no more gather, 0.30 s less a pass"), std::string::npos) << event.text;
}

TEST(Difference, ASmallerPassIsNamedAndItsCostCompared) {
  const Plan before = plan_of(mib(60), 1);
  Plan after = plan_of(mib(50), 0.5);
  after.tokens_per_pass = 50;
  const SessionEvent event = describe_change(Kind::replanned, 0, "gone", before, after);
  EXPECT_TRUE(event.rungs.empty());
  EXPECT_DOUBLE_EQ(event.cost_seconds, 0);
  EXPECT_NE(event.text.find("passes of 50 tokens instead of 100"), std::string::npos) << event.text;
}

TEST(Difference, EventsHaveTheNamesOfReports) {
  EXPECT_EQ(event_name(Kind::replanned), "replanned");
  EXPECT_EQ(event_name(Kind::recovered), "recovered");
  EXPECT_EQ(event_name(Kind::shed), "shed");
  EXPECT_EQ(event_name(Kind::grown), "grown");
  EXPECT_EQ(event_name(Kind::kept), "kept");
}

}  // namespace
}  // namespace plimsoll
