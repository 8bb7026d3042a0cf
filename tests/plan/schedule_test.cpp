// What a schedule promises to a Session, recomputed from the Program and the checkpoint.
#include "plan/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "model/binding.h"
#include "plan/candidate.h"
#include "planned_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
};

class Promise {
 public:
  Promise(const Model& model, const Plan& plan)
      : program_(model.program()), binding_(model.binding()), plan_(plan), schedule_(*plan.schedule) {}

  void check() {
    check_values();
    check_weights();
    check_load();
    check_pass();
  }

 private:
  std::uint64_t arena(MemoryTag tag) const { return plan_.devices.front().arenas[static_cast<std::size_t>(tag)].count; }

  Range value(std::size_t id) const {
    const PlannedValue& v = schedule_.values[id];
    return {v.offset, v.offset + static_cast<std::uint64_t>(v.rows * v.cols) * element_bytes(v.type)};
  }

  // A value is alive from the op that writes it first to the last op that touches it; inputs and results all along.
  void check_values() {
    std::map<ValueId, std::pair<int, int>> alive;
    int op_count = 0;
    for (const Block& block : program_.blocks) {
      for (const Op& op : block.ops) {
        OpValues used = op_values(op);
        used.reads.push_back(used.writes);
        for (const ValueId id : used.reads) alive.try_emplace(id, op_count, op_count).first->second.second = op_count;
        ++op_count;
      }
    }
    for (std::size_t id = 0; id < program_.values.size(); ++id) {
      ASSERT_TRUE(alive.contains(static_cast<ValueId>(id))) << program_.values[id].name;
      if (program_.values[id].lifetime != Lifetime::op) alive[static_cast<ValueId>(id)] = {0, op_count};
      EXPECT_EQ(schedule_.values[id].offset % 64, 0U);
      EXPECT_LE(value(id).end, arena(MemoryTag::activations));
      const std::int64_t rows = program_.values[id].rows == Dim::tokens
                                    ? plan_.tokens_per_pass
                                    : plan_.texts_per_pass + (program_.values[id].rows == Dim::text_bounds ? 1 : 0);
      EXPECT_EQ(schedule_.values[id].rows, rows) << program_.values[id].name;
      for (std::size_t other = 0; other < id; ++other) {
        const auto [a, b] = std::pair(alive[static_cast<ValueId>(id)], alive[static_cast<ValueId>(other)]);
        const bool together = a.first <= b.second && b.first <= a.second;
        EXPECT_FALSE(together && value(id).overlaps(value(other))) << program_.values[id].name << " and " << program_.values[other].name;
      }
    }
  }

  void check_weights() {
    ASSERT_EQ(schedule_.weights.size(), program_.weights.size());
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < schedule_.weights.size(); ++i) {
      const PlannedWeight& planned = schedule_.weights[i];
      const Weight& weight = program_.weights[i];
      EXPECT_EQ(planned.offset % 64, 0U);
      EXPECT_EQ(planned.bytes, static_cast<std::uint64_t>(weight_bytes(planned.form, weight.outputs, weight.inputs)));
      EXPECT_TRUE(weight.role == WeightRole::matrix || planned.form.layout == WeightLayout::rows);
      EXPECT_TRUE(weight.role != WeightRole::vector || planned.form.type == ElementType::float32);
      ranges.push_back({planned.offset, planned.offset + planned.bytes});
      EXPECT_LE(ranges.back().end, arena(MemoryTag::weights));
    }
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_FALSE(ranges[i - 1].overlaps(ranges[i]));
  }

  // Rows [first, first + count) are brought in once more.
  void count_rows(std::map<WeightId, std::vector<int>>& rows, WeightId id, std::int64_t first, std::int64_t count) {
    auto& list = rows[id];
    list.resize(static_cast<std::size_t>(program_.weights[static_cast<std::size_t>(id)].outputs));
    ASSERT_LE(first + count, std::ssize(list));
    for (std::int64_t r = first; r < first + count; ++r) ++list[static_cast<std::size_t>(r)];
  }

  void check_load() {
    std::map<WeightId, std::vector<int>> read;
    std::map<WeightId, std::vector<int>> ready;
    std::map<std::int32_t, ReadWeightStep> full;
    EXPECT_LE(schedule_.slot_bytes * static_cast<std::uint64_t>(schedule_.slots), arena(MemoryTag::staging));
    EXPECT_EQ(schedule_.slot_bytes % 64, 0U);
    for (const ScheduleStep& step : schedule_.load) {
      if (const auto* r = std::get_if<ReadWeightStep>(&step)) {
        const auto i = static_cast<std::size_t>(r->weight);
        const BoundPart& part = binding_.weights[i].front();
        count_rows(read, r->weight, r->first_output, r->outputs);
        if (r->slot < 0) {
          EXPECT_EQ(schedule_.weights[i].form, (WeightForm{part.type, WeightLayout::rows})) << program_.weights[i].name;
          EXPECT_NE(part.tensor, nullptr);
          count_rows(ready, r->weight, r->first_output, r->outputs);
          continue;
        }
        EXPECT_LT(r->slot, schedule_.slots);
        EXPECT_TRUE(full.emplace(r->slot, *r).second) << "slot " << r->slot << " is read into before it is prepared";
        EXPECT_LE(static_cast<std::uint64_t>(r->outputs * program_.weights[i].inputs) * element_bytes(part.type), schedule_.slot_bytes);
      } else {
        const auto& p = std::get<PrepareWeightStep>(step);
        ASSERT_TRUE(full.contains(p.slot));
        const ReadWeightStep held = full.extract(p.slot).mapped();
        EXPECT_EQ(std::tuple(held.weight, held.first_output, held.outputs), std::tuple(p.weight, p.first_output, p.outputs));
        EXPECT_EQ(p.first_output % kPanelOutputs, 0);
        count_rows(ready, p.weight, p.first_output, p.outputs);
      }
    }
    EXPECT_TRUE(full.empty());
    for (std::size_t i = 0; i < program_.weights.size(); ++i) {
      const std::vector<int> once(static_cast<std::size_t>(program_.weights[i].outputs), 1);
      EXPECT_EQ(read[static_cast<WeightId>(i)], once) << program_.weights[i].name;
      EXPECT_EQ(ready[static_cast<WeightId>(i)], once) << program_.weights[i].name;
    }
  }

  void check_pass() {
    std::size_t next = 0;
    for (std::size_t block = 0; block < program_.blocks.size(); ++block) {
      for (std::size_t op = 0; op < program_.blocks[block].ops.size(); ++op, ++next) {
        ASSERT_LT(next, schedule_.pass.size());
        const auto& step = std::get<ComputeStep>(schedule_.pass[next]);
        EXPECT_EQ(std::pair(step.block, step.op), std::pair(static_cast<std::int32_t>(block), static_cast<std::int32_t>(op)));
      }
    }
    EXPECT_EQ(next, schedule_.pass.size());
  }

  const Program& program_;
  const Binding& binding_;
  const Plan& plan_;
  const Schedule& schedule_;
};

void check_all_plans(const TinyModel& tiny) {
  const auto model = testing::open_tiny_model(tiny);
  for (const bool native : {false, true}) {
    for (const auto& dtype : {std::optional<ElementType>{}, std::optional{ElementType::float32}, std::optional{ElementType::bfloat16},
                              std::optional{ElementType::float16}}) {
      for (const Workload& workload : {testing::paper_workload(20), testing::paper_workload(20, 6), testing::paper_workload(7, 0, 3, 15),
                                       testing::paper_workload(20, 1)}) {
        for (const std::uint64_t red_zone : {0U, 100U}) {
          const Snapshot machine = testing::paper_machine(mib(1024), native, 3);
          const auto plan = make_plan(*model, machine, workload, {.dtype = dtype, .allow = {Rung::bfloat16}, .red_zone_bytes = red_zone});
          ASSERT_TRUE(plan.ok()) << message(plan.error());
          Promise(*model, *plan).check();
          const auto tight = make_plan(
              *model, machine, workload,
              {.max_memory = plan->smallest_budget.front().bytes, .dtype = dtype, .allow = {Rung::bfloat16}, .red_zone_bytes = red_zone});
          ASSERT_TRUE(tight.ok());
          Promise(*model, *tight).check();
        }
      }
    }
  }
}

TEST(Schedule, KeepsItsPromisesForOddShapes) {
  check_all_plans(TinyModel{});
  check_all_plans(TinyModel{.hidden = 7, .layers = 1, .heads = 1, .intermediate = 5, .words = 1, .labels = 1});
  check_all_plans(TinyModel{.hidden = 65, .layers = 3, .heads = 5, .intermediate = 129, .labels = 70});
}

TEST(Schedule, KeepsItsPromisesForEveryFileType) {
  for (const char* dtype : {"F32", "F16", "BF16"})
    check_all_plans(TinyModel{.hidden = 96, .heads = 3, .intermediate = 200, .dtype = dtype});
}

// 64 rows of 5,000 inputs are more than a read of a mebibyte: several reads a weight.
TEST(Schedule, KeepsItsPromisesWhereAWeightTakesSeveralReads) {
  check_all_plans(TinyModel{.hidden = 320, .layers = 1, .heads = 2, .intermediate = 5000, .words = 2000, .labels = 300});
}

// All but one matrix are bfloat16: holding that one in bfloat16, too, would round it.
TEST(Schedule, AWiderMatrixOfAMixedFileStaysWideWhenFloat32IsAskedFor) {
  const auto model = testing::open_tiny_model(TinyModel{.dtype = "BF16"});
  Binding mixed = model->binding();
  const auto matrix = std::find_if(model->program().weights.begin(), model->program().weights.end(),
                                   [](const Weight& w) { return w.role == WeightRole::matrix; });
  mixed.weights[static_cast<std::size_t>(matrix - model->program().weights.begin())].front().type = ElementType::float32;
  const Policy policy{.dtype = ElementType::float32};
  for (const Candidate& candidate : candidates(model->program(), mixed, testing::paper_workload(8), policy, true))
    EXPECT_EQ(candidate.storage, ElementType::float32);
  const auto uniform = candidates(model->program(), model->binding(), testing::paper_workload(8), policy, true);
  EXPECT_TRUE(std::any_of(uniform.begin(), uniform.end(), [](const Candidate& c) { return c.storage == ElementType::bfloat16; }));
}

}  // namespace
}  // namespace plimsoll
