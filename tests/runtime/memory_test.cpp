// The arenas seen from inside: what a full pass touches is what was planned, and nothing else.
#include <gtest/gtest.h>

#include <numeric>

#include "device/cpu/cpu_kernels.h"
#include "pattern_os.h"
#include "plan/layout/schedule.h"
#include "support/run_model.h"
#include "support/temporary_folder.h"
#include "support/tiny_model.h"

namespace plimsoll {
namespace {

using testing::PatternOs;
using testing::TinyModel;

constexpr std::int64_t kLongest = 20;
constexpr std::int64_t kBatch = 6;

/// A session whose pass has been filled to the brim, on patterned memory.
class FullPass {
 public:
  FullPass(const TinyModel& tiny, int threads, const Policy& policy) {
    const testing::TemporaryFolder folder;
    testing::write_tiny_model(folder.path(), tiny);
    auto model = Model::open(os_, ledger_, {folder.path(), "", "", false});
    EXPECT_TRUE(model.ok()) << message(model.error());
    model_ = std::make_unique<Model>(std::move(model).value());
    const auto machine = describe_machine(os_, threads);
    Workload workload;
    workload.longest = kLongest;
    workload.batch_size = kBatch;
    auto plan = make_plan(*model_, *machine, workload, policy);
    EXPECT_TRUE(plan.ok()) << message(plan.error());
    const std::size_t before = os_.mappings.size();
    auto session = Session::create(*model_, *plan, {&os_, &ledger_, nullptr, {}});
    EXPECT_TRUE(session.ok()) << message(session.error());
    session_ = std::make_unique<Session>(std::move(session).value());
    pass_values_ = os_.mappings.at(before);
    EXPECT_EQ(pass_values_->bytes().size(), plan->schedule->pass_bytes);
    std::size_t next = before + 1;
    for (std::size_t tag = 0; tag < kMemoryTags; ++tag) {
      if (static_cast<MemoryTag>(tag) == MemoryTag::tables || plan->devices.front().arenas[tag].count == 0) continue;
      const std::size_t elsewhere = static_cast<MemoryTag>(tag) == MemoryTag::activations ? pass_values_->bytes().size() : 0;
      EXPECT_EQ(os_.mappings.at(next)->bytes().size() + elsewhere, plan->devices.front().arenas[tag].count);
      arenas_[tag] = os_.mappings.at(next++);
    }
    EXPECT_EQ(next, os_.mappings.size());
    Classifier classifier(*model_, *session_, kLongest);
    for (std::int64_t b = 0; b < kBatch; ++b) {
      const auto added = classifier.add({testing::tiny_text(tiny, kLongest - 2, static_cast<std::uint64_t>(b))});
      EXPECT_TRUE(added.ok() && *added == Classifier::Added::yes);
    }
    const auto answers = classifier.run();
    EXPECT_TRUE(answers.ok());
    for (const Answer& answer : *answers) logits.emplace_back(answer.logits.begin(), answer.logits.end());
  }

  std::vector<std::vector<float>> logits;

  const Program& program() const { return model_->program(); }
  const Plan& plan() const { return session_->plan(); }
  const Schedule& schedule() const { return *session_->plan().schedule; }
  std::span<const std::byte> arena(MemoryTag tag) const { return arenas_[static_cast<std::size_t>(tag)]->bytes(); }
  std::span<const std::byte> pass_values() const { return pass_values_->bytes(); }
  std::size_t touched(MemoryTag tag) const { return PatternOs::touched(arena(tag)); }

 private:
  PatternOs os_;
  Ledger ledger_{"cpu", Bytes{std::uint64_t{1} << 40U}};
  std::unique_ptr<Model> model_;
  std::unique_ptr<Session> session_;
  std::shared_ptr<const Mapping> pass_values_;
  std::array<std::shared_ptr<const Mapping>, kMemoryTags> arenas_;  // `activations` is what follows the pass values
};

std::size_t value_end(const PlannedValue& v) { return v.offset + static_cast<std::size_t>(v.rows * v.cols) * element_bytes(v.type); }

const std::vector<TinyModel> kShapes = {TinyModel{}, TinyModel{.hidden = 72, .layers = 1, .heads = 6, .intermediate = 130, .labels = 70},
                                        TinyModel{.hidden = 9, .layers = 3, .heads = 1, .intermediate = 300, .labels = 1},
                                        TinyModel{.hidden = 128, .heads = 2, .intermediate = 512, .dtype = "BF16"}};

TEST(Memory, AFullPassTouchesEveryArenaToThePlannedEnd) {
  for (const TinyModel& tiny : kShapes) {
    const FullPass pass(tiny, 1, {});
    std::size_t weights = 0;
    for (const PlannedWeight& weight : pass.schedule().weights) weights = std::max<std::size_t>(weights, weight.offset + weight.bytes);
    EXPECT_LE(pass.touched(MemoryTag::weights), weights);
    EXPECT_GE(pass.touched(MemoryTag::weights) + 64, weights);
    EXPECT_EQ(round_to_pages(Bytes{weights}).count, pass.arena(MemoryTag::weights).size());

    const std::size_t split = pass.schedule().pass_bytes;
    std::size_t values = 0;
    std::size_t pass_values = 0;
    for (const PlannedValue& value : pass.schedule().values) {
      if (value.offset < split) pass_values = std::max(pass_values, value_end(value));
      else values = std::max(values, value_end(value) - split);
    }
    EXPECT_LE(PatternOs::touched(pass.pass_values()), pass_values);
    EXPECT_GE(PatternOs::touched(pass.pass_values()) + 64, pass_values);
    EXPECT_EQ(round_to_pages(Bytes{pass_values}).count, split);
    EXPECT_LE(pass.touched(MemoryTag::activations), values);
    EXPECT_GE(pass.touched(MemoryTag::activations) + 64, values);
    EXPECT_EQ(round_to_pages(Bytes{values}).count, pass.arena(MemoryTag::activations).size());

    const auto workspace = static_cast<std::size_t>(cpu_workspace_bytes(pass.schedule().workspace));
    EXPECT_LE(pass.touched(MemoryTag::workspace), workspace);
    EXPECT_GE(pass.touched(MemoryTag::workspace) + 512, workspace) << "all but sums that a short text does not need";

    EXPECT_LE(pass.touched(MemoryTag::staging), pass.schedule().load_slots.bytes);
    EXPECT_GE(pass.touched(MemoryTag::staging) + 64, pass.schedule().load_slots.bytes);
    EXPECT_EQ(pass.touched(MemoryTag::io), pass.arena(MemoryTag::io).size()) << "answers stand at the top";
  }
}

// Bytes of an arena that belong to nobody.
std::vector<bool> unowned(std::size_t size, const std::vector<std::pair<std::size_t, std::size_t>>& owned) {
  std::vector<bool> free(size, true);
  for (const auto& [begin, end] : owned)
    std::fill(free.begin() + static_cast<std::ptrdiff_t>(begin), free.begin() + static_cast<std::ptrdiff_t>(end), false);
  return free;
}

void expect_intact(std::span<const std::byte> arena, const std::vector<bool>& red, const char* name) {
  std::size_t harmed = 0;
  for (std::size_t i = 0; i < arena.size(); ++i) harmed += red[i] && arena[i] != PatternOs::kPattern ? 1 : 0;
  EXPECT_EQ(harmed, 0U) << name;
  EXPECT_GT(std::count(red.begin(), red.end(), true), 1000) << name << ": nothing was tested";
}

TEST(Memory, RedZonesBetweenValuesAndWeightsStayIntact) {
  for (const TinyModel& tiny : kShapes) {
    for (const int threads : {1, 3}) {
      for (const ElementType dtype : {ElementType::float32, ElementType::bfloat16}) {
        const FullPass pass(tiny, threads, {.dtype = dtype, .red_zone_bytes = 320});
        std::vector<std::pair<std::size_t, std::size_t>> weights;
        for (const PlannedWeight& weight : pass.schedule().weights) weights.emplace_back(weight.offset, weight.offset + weight.bytes);
        expect_intact(pass.arena(MemoryTag::weights), unowned(pass.arena(MemoryTag::weights).size(), weights), "weights");
        std::vector<std::pair<std::size_t, std::size_t>> pass_values;
        std::vector<std::pair<std::size_t, std::size_t>> values;
        const std::size_t split = pass.schedule().pass_bytes;
        for (const PlannedValue& value : pass.schedule().values) {
          if (value.offset < split) pass_values.emplace_back(value.offset, value_end(value));
          else values.emplace_back(value.offset - split, value_end(value) - split);
        }
        expect_intact(pass.pass_values(), unowned(split, pass_values), "pass values");
        expect_intact(pass.arena(MemoryTag::activations), unowned(pass.arena(MemoryTag::activations).size(), values), "activations");
        const FullPass plain(tiny, threads, {.dtype = dtype});
        EXPECT_EQ(pass.logits, plain.logits) << "where things lie changes no bit";
      }
    }
  }
}

TEST(Memory, WhatAnArenaHeldBeforeDoesNotMatter) {
  for (const TinyModel& tiny : kShapes) {
    const FullPass pass(tiny, 2, {});
    Gate gate;
    const auto os = make_os(gate);
    const testing::TemporaryFolder folder;
    testing::write_tiny_model(folder.path(), tiny);
    testing::RunRequest request{.model = folder.path(), .batch_size = 1};
    for (std::int64_t b = 0; b < kBatch; ++b)
      request.texts.push_back({testing::tiny_text(tiny, kLongest - 2, static_cast<std::uint64_t>(b))});
    const auto zeroed = testing::run_model(*os, request);
    ASSERT_TRUE(zeroed.ok()) << message(zeroed.error());
    EXPECT_EQ(pass.logits, zeroed->logits);
  }
}

}  // namespace
}  // namespace plimsoll
