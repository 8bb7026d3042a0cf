// Weights that pass through slots instead of staying: the same bits, the planned bytes, and every failure typed.
#include <gtest/gtest.h>

#include <filesystem>
#include <new>
#include <set>

#include "model_fixture.h"
#include "plan/layout/schedule.h"
#include "support/heap_watch.h"

namespace plimsoll {
namespace {

using testing::kDeep;
using testing::kShapes;
using testing::RunRequest;
using testing::RunResult;
using testing::Text;
using testing::texts;
using testing::TinyModel;

using Streaming = testing::ModelFixture;

/// What a test names "everything streams": the whole ring of the largest and of the smallest slots.
std::vector<Policy> streaming_policies(Policy base = {}) {
  base.stream_everything = true;
  Policy smallest = base;
  smallest.smallest_chunks = true;
  Policy kept = base;  // the word table stays
  kept.forbid.push_back(Rung::gather);
  return {base, smallest, kept};
}

TEST_F(Streaming, BitsAreThoseOfResidentWeights) {
  for (const TinyModel& tiny : kShapes) {
    const std::string path = write(tiny);
    const std::vector<Text> all = texts(tiny, 20);
    for (const auto& dtype : {std::optional<ElementType>{}, std::optional{ElementType::float32}, std::optional{ElementType::bfloat16},
                              std::optional{ElementType::float16}}) {
      const RunResult resident = run({.model = path, .texts = all, .policy = {.dtype = dtype}});
      EXPECT_TRUE(resident.plan.schedule->ring.chunks.empty());
      for (const Policy& policy : streaming_policies({.dtype = dtype})) {
        for (const int threads : {1, 3}) {
          for (const std::int64_t batch : {0, 1, 3}) {
            const RunResult streamed = run({.model = path, .texts = all, .batch_size = batch, .threads = threads, .policy = policy});
            EXPECT_FALSE(streamed.plan.schedule->ring.chunks.empty());
            EXPECT_EQ(streamed.logits, resident.logits) << tiny.dtype << ", " << tiny.hidden << " wide, " << batch << " texts a pass";
            EXPECT_EQ(streamed.ledger_peak, streamed.plan.devices.front().arena_total());
            EXPECT_EQ(streamed.ledger_peak_by_tag, streamed.plan.devices.front().arenas);
          }
        }
      }
    }
  }
}

// From everything resident down to nothing.
TEST_F(Streaming, EveryBudgetGivesTheSameBits) {
  const std::string path = write(kDeep);
  const std::vector<Text> all = texts(kDeep, 12);
  const RunResult resident = run({.model = path, .texts = all, .batch_size = 4});
  const Bytes most = resident.plan.devices.front().planned_total();
  const Bytes least = resident.plan.smallest_budget.front().bytes;
  EXPECT_LT(least.count, most.count / 2);
  std::set<std::pair<std::size_t, bool>> kinds;
  for (std::uint64_t step = 0; step <= 40; ++step) {
    const Bytes budget{least.count + (most.count - least.count) * step / 40};
    const RunResult result = run({.model = path, .texts = all, .batch_size = 4, .policy = {.max_memory = budget}});
    EXPECT_EQ(result.logits, resident.logits) << format_bytes(budget);
    EXPECT_LE(result.plan.devices.front().planned_total(), budget);
    EXPECT_EQ(result.ledger_peak, result.plan.devices.front().arena_total());
    kinds.emplace(result.plan.schedule->ring.chunks.size(), result.plan.schedule->gathered.weight != kNone);
  }
  EXPECT_GT(kinds.size(), 5U) << "budgets must lead to different placements, or nothing was tested";
}

TEST_F(Streaming, AnyAcquisitionMayFail) {
  const TinyModel tiny;
  const RunRequest request{.model = write(tiny), .texts = texts(tiny, 5), .policy = streaming_policies()[1]};
  const auto [refused, survived] = refuse_each(request, run(request));
  EXPECT_GT(refused, 100);
  EXPECT_GT(survived, 10) << "a read that fails once is tried again";
}

/// A session over a streamed plan whose passes a test runs by itself.
class OpenStream : public testing::SessionFixture {
 protected:
  void open(const TinyModel& tiny, const CancelToken* cancel = nullptr, ProgressFunction progress = {}) {
    const Workload workload{.longest = 16, .batch_size = 2};
    SessionFixture::open(tiny, {workload, streaming_policies()[1], cancel, std::move(progress)});
  }

  Result<std::vector<float>> pass() {
    const std::vector<std::int32_t> ids = {2, 5, 6, 7, 3, 2, 8, 3};
    const std::vector<std::int32_t> types(ids.size(), 0);
    const std::vector<std::int32_t> starts = {0, 5, 8};
    PLIMSOLL_TRY(const std::span<const float> logits, session_->run({ids, types, starts}));
    return std::vector<float>(logits.begin(), logits.end());
  }
};

TEST_F(OpenStream, APassThatIsStoppedLeavesTheNextOneWhole) {
  const TinyModel tiny{.layers = 4};
  CancelToken cancel;
  int layers_until_stop = -1;
  open(tiny, &cancel, [&](const Progress& progress) {
    if (progress.phase == "pass" && layers_until_stop-- == 0) cancel.cancel();
  });
  const auto reference = pass();
  ASSERT_TRUE(reference.ok()) << message(reference.error());
  for (int stop = 0; stop < 6; ++stop) {
    layers_until_stop = stop;
    const auto stopped = pass();
    EXPECT_TRUE(!stopped.ok() || stop >= 5) << "it was stopped after layer " << stop;
    EXPECT_TRUE(stopped.ok() || stopped.error().code == ErrorCode::cancelled) << message(stopped.error());
    cancel.~CancelToken();
    new (&cancel) CancelToken();
    const auto again = pass();
    ASSERT_TRUE(again.ok()) << message(again.error());
    EXPECT_EQ(*again, *reference);
  }
}

TEST_F(OpenStream, AFileThatIsCutWhileInUseIsATypedErrorAndItsReturnIsNoticed) {
  open(TinyModel{.hidden = 64, .heads = 4, .intermediate = 256});
  const auto reference = pass();
  ASSERT_TRUE(reference.ok());
  const std::string path = folder_ / "model.safetensors";
  const std::string copy = folder_ / "copy";
  std::filesystem::copy_file(path, copy);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 3);
  const auto cut = [&] {
    for (int attempt = 0; attempt < 3; ++attempt) {  // the first chunks of the next pass may be there already
      if (auto result = pass(); !result.ok()) return result;
    }
    return pass();
  }();
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, ErrorCode::corrupt_file) << message(cut.error());
  EXPECT_NE(message(cut.error()).find("model.safetensors"), std::string::npos);
  std::filesystem::copy_file(copy, path, std::filesystem::copy_options::overwrite_existing);
  const auto healed = pass();
  ASSERT_TRUE(healed.ok()) << message(healed.error());
  EXPECT_EQ(*healed, *reference);
}

TEST_F(OpenStream, NothingIsAllocatedOpenedOrStartedPerPass) {
  open(TinyModel{.layers = 3});
  ASSERT_TRUE(pass().ok());
  const std::vector<std::int32_t> ids = {2, 5, 6, 7, 3, 2, 8, 3};
  const std::vector<std::int32_t> types(ids.size(), 0);
  const std::vector<std::int32_t> starts = {0, 5, 8};
  gate_.refuse({});
  const testing::HeapWatch watch;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(session_->run({ids, types, starts}).ok());
  EXPECT_EQ(watch.allocations(), 0U);
  EXPECT_GT(gate_.seen(Acquisition::read), 0U) << "the passes did read weights";
  for (const Acquisition kind : {Acquisition::host_memory, Acquisition::open, Acquisition::thread, Acquisition::kernel})
    EXPECT_EQ(gate_.seen(kind), 0U) << acquisition_name(kind);
}

}  // namespace
}  // namespace plimsoll
