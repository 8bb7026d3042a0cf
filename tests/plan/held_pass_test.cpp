// Plans that one session goes through: what they have in common.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include <plimsoll/measure.h>
#include <plimsoll/plan.h>

#include "plan/layout/packing.h"
#include "plan/layout/schedule.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

class HeldPass : public ::testing::Test {
 protected:
  HeldPass() : os_(make_os(gate_)) { workload_.longest = 20; }

  void open(const TinyModel& tiny) {
    testing::write_tiny_model(folder_.path(), tiny);
    auto opened = Model::open(*os_, ledger_, {folder_.path(), "", "", false});
    ASSERT_TRUE(opened.ok()) << message(opened.error());
    model_ = std::make_unique<Model>(std::move(opened).value());
    machine_ = describe_machine(*os_, 2).value();
    machine_.cpu.native_bfloat16 = true;
  }

  Plan plan_for(Bytes budget, const Policy& policy = {}) {
    machine_.memory.budget = budget;
    return make_plan(*model_, machine_, workload_, policy).value();
  }

  Gate gate_;
  std::unique_ptr<Os> os_;
  testing::TemporaryFolder folder_;
  Ledger ledger_{"cpu", mib(1024)};
  std::unique_ptr<Model> model_;
  Snapshot machine_;
  Workload workload_;
};

void expect_same_place(const PlannedValue& a, const PlannedValue& b, const std::string& what) {
  EXPECT_EQ(a.offset, b.offset) << what;
  EXPECT_EQ(a.rows, b.rows) << what;
  EXPECT_EQ(a.type, b.type) << what;
}

TEST_F(HeldPass, WhereWeightsAreMovesNoValue) {
  for (const TinyModel& tiny :
       {TinyModel{}, TinyModel{.hidden = 96, .heads = 3, .intermediate = 20}, TinyModel{.hidden = 64, .layers = 3, .dtype = "BF16"}}) {
    open(tiny);
    for (const auto& dtype : {std::optional<ElementType>{}, std::optional{ElementType::bfloat16}, std::optional{ElementType::float16}}) {
      workload_.batch_size = 4;
      const Plan resident = plan_for(mib(1024), {.dtype = dtype, .forbid = {Rung::microbatch}});
      const Plan streamed = plan_for(mib(1024), {.dtype = dtype, .forbid = {Rung::microbatch}, .stream_everything = true});
      ASSERT_FALSE(streamed.schedule->ring.chunks.empty());
      ASSERT_NE(streamed.schedule->gathered.weight, kNone);
      EXPECT_EQ(resident.schedule->pass_bytes, streamed.schedule->pass_bytes);
      for (std::size_t i = 0; i < resident.schedule->values.size(); ++i)
        expect_same_place(resident.schedule->values[i], streamed.schedule->values[i], model_->program().values[i].name);
    }
  }
}

TEST_F(HeldPass, ALaterPlanHasASmallerPassAndRoomForTheSameInputs) {
  open({.hidden = 96, .layers = 3, .heads = 3, .intermediate = 200, .words = 500});
  for (const std::int64_t batch : {0, 7}) {
    workload_ = {};
    workload_.longest = 20;
    workload_.batch_size = batch;
    const Plan first = plan_for(mib(1024));
    EXPECT_EQ(first.schedule->pass_bytes % kPage.count, 0U);
    workload_.held_tokens = first.tokens_per_pass;
    workload_.held_texts = first.texts_per_pass;
    const std::uint64_t least = first.smallest_budget.front().bytes.count;
    const std::uint64_t most = first.devices.front().planned_total().count;
    std::set<std::int64_t> sizes;
    for (std::uint64_t step = 0; step <= 20; ++step) {
      const Plan later = plan_for(Bytes{least + (most - least) * step / 20 + kPage.count});
      if (later.verdict == Verdict::does_not_fit) continue;
      sizes.insert(later.tokens_per_pass);
      EXPECT_LE(later.tokens_per_pass, first.tokens_per_pass);
      EXPECT_EQ(later.schedule->pass_bytes, first.schedule->pass_bytes);
      for (std::size_t i = 0; i < later.schedule->values.size(); ++i) {
        if (model_->program().values[i].lifetime != Lifetime::op)
          expect_same_place(first.schedule->values[i], later.schedule->values[i], model_->program().values[i].name);
      }
    }
    EXPECT_GT(sizes.size(), 1U) << "or nothing was tested";
  }
}

TEST_F(HeldPass, NoLaterPassIsLargerThanWhatIsHeld) {
  open({});
  workload_.batch_size = 8;
  workload_.held_tokens = 60;
  workload_.held_texts = 3;
  const Plan plan = plan_for(mib(1024));
  EXPECT_LE(plan.tokens_per_pass, 60);
  EXPECT_LE(plan.texts_per_pass, 3);
  workload_.held_tokens = workload_.held_texts = 1;
  EXPECT_EQ(plan_for(mib(1024)).texts_per_pass, 1) << "never less than one text";
}

TEST(PackBeside, NeverSharesBytesWithWhatIsAliveThen) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<Interval> intervals(random() % 20);
    for (Interval& i : intervals) {
      const auto first = static_cast<std::int64_t>(random() % 6);
      i = {64 * (random() % 20), first, first + static_cast<std::int64_t>(random() % 4)};
    }
    Packing packing = pack_intervals(intervals);
    const std::vector<std::uint64_t> before = packing.offsets;
    const std::uint64_t height = packing.height;
    const Interval added{64 * (1 + random() % 20), 2, 3};
    pack_beside(intervals, packing, added);
    ASSERT_EQ(packing.offsets.size(), before.size() + 1);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), packing.offsets.begin())) << "the others stay";
    EXPECT_GE(packing.height, std::max(height, packing.offsets.back() + added.bytes));
    for (std::size_t i = 0; i < before.size(); ++i) {
      const bool together = intervals[i].bytes > 0 && intervals[i].first <= 3 && intervals[i].last >= 2;
      EXPECT_FALSE(together && before[i] < packing.offsets.back() + added.bytes && packing.offsets.back() < before[i] + intervals[i].bytes);
    }
  }
}

}  // namespace
}  // namespace plimsoll
