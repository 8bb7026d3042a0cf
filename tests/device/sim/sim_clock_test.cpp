#include "device/sim/sim_clock.h"

#include <gtest/gtest.h>

#include "device/sim/step_cost.h"

namespace plimsoll {
namespace {

constexpr SimRates kRates{.link = 1e9, .latency = 0.5, .compute = 1e12, .disk = 1e8};

TEST(SimClock, WorkOfAQueueIsOneAfterTheOtherAndQueuesWorkAtOnce) {
  SimClock clock(kRates);
  EXPECT_DOUBLE_EQ(clock.run(SimQueue::link_up, 0, 2), 2);
  EXPECT_DOUBLE_EQ(clock.run(SimQueue::link_up, 0, 2), 4);
  EXPECT_DOUBLE_EQ(clock.run(SimQueue::compute, 0, 3), 3);
  EXPECT_DOUBLE_EQ(clock.run(SimQueue::compute, 4, 1), 5) << "waits for what it is told to";
  EXPECT_DOUBLE_EQ(clock.busy(SimQueue::link_up), 4);
  EXPECT_DOUBLE_EQ(clock.busy(SimQueue::compute), 4);
  EXPECT_DOUBLE_EQ(clock.busy(SimQueue::link_down), 0);
  EXPECT_DOUBLE_EQ(clock.host(), 0);
  clock.host_waits(5);
  clock.host_waits(3);
  EXPECT_DOUBLE_EQ(clock.host(), 5);
}

TEST(SimClock, TimesFollowTheRates) {
  SimClock clock(kRates);
  EXPECT_DOUBLE_EQ(clock.copy_seconds(Bytes{2'000'000'000}), 2.5);
  EXPECT_DOUBLE_EQ(clock.step_seconds(3e12), 3.5);
  EXPECT_DOUBLE_EQ(clock.read_seconds(Bytes{300'000'000}), 3);
  clock.slow_link(10);
  clock.slow_compute(2);
  clock.slow_disk(0.5);
  EXPECT_DOUBLE_EQ(clock.copy_seconds(Bytes{2'000'000'000}), 20.5);
  EXPECT_DOUBLE_EQ(clock.step_seconds(3e12), 6.5);
  EXPECT_DOUBLE_EQ(clock.read_seconds(Bytes{300'000'000}), 1.5);
}

TEST(StepCost, CountsProductsAndSums) {
  LinearStep linear;
  linear.out = {nullptr, 128, 4096, 4096, ElementType::float32};
  linear.weight.inputs = 1024;
  EXPECT_DOUBLE_EQ(sim::flops(linear), 2.0 * 128 * 4096 * 1024);
  AttentionStep attention;
  const std::int32_t starts[] = {0, 10, 30};
  attention.text_starts = starts;
  attention.heads = 4;
  attention.head_dim = 64;
  EXPECT_DOUBLE_EQ(sim::flops(attention), (100.0 + 400.0) * 4 * (4 * 64 + 5));
  EXPECT_DOUBLE_EQ(sim::flops(AttentionStep{}), 0);
  EXPECT_DOUBLE_EQ(sim::flops(GatherRowsStep{}), 0);
}

}  // namespace
}  // namespace plimsoll
