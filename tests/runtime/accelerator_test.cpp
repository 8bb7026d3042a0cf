// Passes on a simulated GPU, fed from the host's memory and from disk: the bits of the host, the planned bytes on both sides.
#include <gtest/gtest.h>

#include <plimsoll/device.h>

#include <set>

#include "model_fixture.h"
#include "plan/layout/schedule.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using testing::kShapes;
using testing::run_model;
using testing::RunRequest;
using testing::RunResult;
using testing::Text;
using testing::texts;
using testing::TinyModel;

using OnAccelerator = testing::ModelFixture;

TEST_F(OnAccelerator, BitsAreThoseOfTheHost) {
  for (const TinyModel& tiny : kShapes) {
    const std::string path = write(tiny);
    const std::vector<Text> all = texts(tiny, 20);
    for (const auto& dtype : {std::optional<ElementType>{}, std::optional{ElementType::bfloat16}}) {
      const RunResult host = run({.model = path, .texts = all, .policy = {.dtype = dtype}});
      for (const bool stream : {false, true}) {
        for (const bool smallest : {false, true}) {
          const Policy policy{.device = "sim:0", .dtype = dtype, .stream_everything = stream, .smallest_chunks = smallest};
          const RunResult there = run({.model = path, .texts = all, .policy = policy, .sims = {"memory=64MiB"}});
          EXPECT_EQ(there.logits, host.logits) << tiny.dtype << ", " << tiny.hidden << " wide, streamed " << stream;
          EXPECT_EQ(there.plan.layers.front().compute, "sim:0");
        }
      }
    }
  }
}

// From everything on the device to nothing, the rest in the host's memory, on disk, or both.
TEST_F(OnAccelerator, EveryPlacementGivesTheSameBitsAndTakesWhatWasPlanned) {
  const std::string path = write(kDeep);
  const std::vector<Text> all = texts(kDeep, 12);
  const RunResult host = run({.model = path, .texts = all, .batch_size = 4});
  std::set<std::tuple<std::size_t, std::int32_t, Home>> kinds;
  for (const char* memory : {"memory=64MiB", "memory=12MiB", "memory=7MiB", "memory=4MiB", "memory=2MiB"}) {
    for (const Bytes budget : {mib(256), mib(16), mib(10), mib(6)}) {
      const RunRequest request{
          .model = path, .texts = all, .batch_size = 4, .policy = {.max_memory = budget, .device = "sim:0"}, .sims = {memory}};
      const auto result = run_model(*os_, request);
      if (!result.ok()) {
        EXPECT_EQ(result.error().code, ErrorCode::does_not_fit) << message(result.error());
        continue;
      }
      EXPECT_EQ(result->logits, host.logits) << memory << ", host " << format_bytes(budget);
      EXPECT_EQ(result->ledger_peak, result->plan.devices[0].arena_total());
      EXPECT_EQ(result->ledger_peak_by_tag, result->plan.devices[0].arenas);
      ASSERT_EQ(result->device_peaks.size(), 1U);
      EXPECT_EQ(result->device_peaks[0], result->plan.devices[1].arenas) << memory;
      const Schedule& schedule = *result->plan.schedule;
      const Home table =
          schedule.gathered.weight == kNone ? Home::device : schedule.weights[static_cast<std::size_t>(schedule.gathered.weight)].home;
      kinds.emplace(schedule.ring.chunks.size(), schedule.ring.disk_chunks, table);
    }
  }
  EXPECT_GT(kinds.size(), 5U) << "budgets must lead to different placements, or nothing was tested";
}

TEST_F(OnAccelerator, AnyAcquisitionMayFail) {
  const TinyModel tiny;
  const RunRequest request{.model = write(tiny),
                           .texts = texts(tiny, 5),
                           .policy = {.device = "sim:0", .stream_everything = true, .smallest_chunks = true},
                           .sims = {"memory=8MiB"}};
  EXPECT_GT(refuse_each(request, run(request)).first, 100);
}

// Copies and reads go on while the device computes: a pass takes about as long as the slowest of them, not their sum.
TEST_F(OnAccelerator, TransfersAreHiddenBehindTheWork) {
  const TinyModel tiny{.hidden = 128, .layers = 8, .heads = 2, .intermediate = 512};
  const std::string path = write(tiny);
  RunRequest request{.model = path, .texts = texts(tiny, 64), .batch_size = 8, .policy = {.device = "sim:0", .stream_everything = true}};
  const auto seconds = [&](const std::string& rates) {
    request.sims = {"memory=64MiB,latency=0us," + rates};
    return run(request).device_seconds.at(0);
  };
  const double compute = seconds("compute=100MFLOP/s,link=1000GB/s");
  const double link = seconds("compute=1000TFLOP/s,link=20MB/s");
  const double both = seconds("compute=100MFLOP/s,link=20MB/s");
  EXPECT_GT(both, std::max(compute, link));
  EXPECT_LT(both, 1.1 * std::max(compute, link) + 0.2 * std::min(compute, link));
}

}  // namespace
}  // namespace plimsoll
