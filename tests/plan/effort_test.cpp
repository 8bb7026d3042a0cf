// What planning itself takes: time and heap that no plan has room for.
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <thread>

#include "planned_model.h"
#include "support/build.h"
#include "support/heap_watch.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

constexpr Workload kHugeBatch{.longest = 128, .batch_size = 1000000};

std::unique_ptr<Model> deep_model(std::int64_t layers) {
  return testing::open_tiny_model(
      TinyModel{.hidden = 96, .layers = layers, .heads = 4, .intermediate = 256, .words = 4000, .positions = 128});
}

/// Of the processor: others may use it too.
double seconds_since(std::clock_t start) { return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC; }

/// Devices that are all too small for a model of some megabytes.
Snapshot eight_small_accelerators() {
  Snapshot machine = testing::paper_machine();
  for (const std::uint64_t memory : {8U, 4U, 5U, 6U, 7U, 9U, 3U, 2U})
    machine.accelerators.push_back(testing::paper_accelerator(mib(memory), "sim:" + std::to_string(machine.accelerators.size())));
  return machine;
}

TEST(PlanningEffort, IsBoundedWhereLayersDevicesAndSizesComeTogether) {
  const auto model = deep_model(24);
  const testing::HeapWatch heap;
  const std::clock_t start = std::clock();
  const auto plan = make_plan(*model, eight_small_accelerators(), kHugeBatch, {});
  const double seconds = seconds_since(start);
  ASSERT_TRUE(plan.ok()) << message(plan.error());
  EXPECT_EQ(plan->devices.size(), 9U);
  EXPECT_LT(heap.highest(), mib(12).count);
  EXPECT_LT(seconds, testing::kSanitized ? 200 : 10);
}

TEST(PlanningEffort, OfADeepModelIsBounded) {
  const auto model = deep_model(250);
  const testing::HeapWatch heap;
  const auto plan = make_plan(*model, eight_small_accelerators(), {.longest = 128}, {});
  ASSERT_TRUE(plan.ok()) << message(plan.error());
  EXPECT_LT(heap.highest(), mib(6).count);
}

TEST(PlanningEffort, OfFilledDevicesIsBounded) {
  const auto model = deep_model(120);
  const testing::HeapWatch heap;
  const std::clock_t start = std::clock();
  const auto plan = make_plan(*model, eight_small_accelerators(), {.longest = 128}, {.device_map = {.kind = DeviceMap::Kind::balanced}});
  const double seconds = seconds_since(start);
  ASSERT_TRUE(plan.ok()) << message(plan.error());
  EXPECT_LT(heap.highest(), mib(2).count);
  EXPECT_LT(seconds, testing::kSanitized ? 20 : 1);
}

TEST(PlanningEffort, EndsSoonAfterItIsCancelled) {
  const auto model = deep_model(200);
  const Snapshot machine = eight_small_accelerators();
  for (const DeviceMap::Kind kind : {DeviceMap::Kind::automatic, DeviceMap::Kind::balanced}) {
    for (const int milliseconds : {0, 20, 150}) {
      CancelToken cancel;
      std::clock_t cancelled = 0;
      std::thread canceller([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        cancelled = std::clock();
        cancel.cancel();
      });
      const Policy policy{.device_map = {.kind = kind}, .allow = {Rung::bfloat16, Rung::float16}};
      const auto plan = make_plan(*model, machine, kHugeBatch, policy, &cancel);
      const double seconds = seconds_since(cancelled);
      canceller.join();
      ASSERT_FALSE(plan.ok()) << "planned within " << milliseconds << " ms: the test needs a larger model";
      EXPECT_EQ(plan.error().code, ErrorCode::cancelled) << message(plan.error());
      EXPECT_LT(seconds, testing::kSanitized ? 4 : 0.2) << milliseconds;
    }
  }
}

}  // namespace
}  // namespace plimsoll
