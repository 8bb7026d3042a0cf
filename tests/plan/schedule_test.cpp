// What a schedule promises to a Session, recomputed from the Program and the checkpoint.
#include "plan/layout/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "all_candidates.h"
#include "model/binding.h"
#include "plan/candidates/candidate.h"
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
  bool on_accelerator() const { return schedule_.device > 0; }
  std::uint64_t arena(MemoryTag tag) const { return arena(tag, static_cast<std::size_t>(schedule_.device)); }
  std::uint64_t arena(MemoryTag tag, std::size_t device) const { return plan_.devices[device].arenas[static_cast<std::size_t>(tag)].count; }

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
    std::vector<Range> on_host;
    for (std::size_t i = 0; i < schedule_.weights.size(); ++i) {
      const PlannedWeight& planned = schedule_.weights[i];
      const Weight& weight = program_.weights[i];
      EXPECT_EQ(planned.offset % 64, 0U);
      EXPECT_EQ(planned.bytes, static_cast<std::uint64_t>(weight_bytes(planned.form, weight.outputs, weight.inputs)));
      EXPECT_TRUE(weight.role == WeightRole::matrix || planned.form.layout == WeightLayout::rows);
      EXPECT_TRUE(weight.role != WeightRole::vector || planned.form.type == ElementType::float32);
      if (planned.home == Home::disk) continue;
      if (planned.home == Home::host) {
        const std::uint64_t stored =
            static_cast<std::uint64_t>(weight.outputs * weight.inputs) * element_bytes(binding_.weights[i].front().type);
        on_host.push_back({planned.offset, planned.offset + stored});
        EXPECT_LE(on_host.back().end, arena(MemoryTag::weights, 0));
        continue;
      }
      ranges.push_back({planned.offset, planned.offset + planned.bytes});
      EXPECT_LE(ranges.back().end, arena(MemoryTag::weights));
    }
    for (std::vector<Range>* all : {&ranges, &on_host}) {
      std::sort(all->begin(), all->end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
      for (std::size_t i = 1; i < all->size(); ++i) EXPECT_FALSE((*all)[i - 1].overlaps((*all)[i]));
    }
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
    EXPECT_LE(schedule_.load_slots.total(), arena(MemoryTag::staging, 0));
    EXPECT_LE(schedule_.load_slots.total(), arena(MemoryTag::staging));
    EXPECT_EQ(schedule_.load_slots.bytes % 64, 0U);
    for (const ScheduleStep& step : schedule_.load) {
      if (const auto* r = std::get_if<ReadWeightStep>(&step)) {
        const auto i = static_cast<std::size_t>(r->weight);
        const BoundPart& part = binding_.weights[i].front();
        count_rows(read, r->weight, r->first_output, r->outputs);
        if (r->slot < 0) {
          const bool as_stored = schedule_.weights[i].form == WeightForm{part.type, WeightLayout::rows};
          EXPECT_TRUE(as_stored || schedule_.weights[i].home == Home::host) << program_.weights[i].name;
          EXPECT_NE(part.tensor, nullptr);
          count_rows(ready, r->weight, r->first_output, r->outputs);
          continue;
        }
        EXPECT_LT(r->slot, schedule_.load_slots.count);
        EXPECT_TRUE(full.emplace(r->slot, *r).second) << "slot " << r->slot << " is read into before it is prepared";
        EXPECT_LE(static_cast<std::uint64_t>(r->outputs * program_.weights[i].inputs) * element_bytes(part.type),
                  schedule_.load_slots.bytes);
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
      if (schedule_.weights[i].home == Home::disk) {
        EXPECT_FALSE(read.contains(static_cast<WeightId>(i))) << program_.weights[i].name;
        continue;
      }
      const std::vector<int> once(static_cast<std::size_t>(program_.weights[i].outputs), 1);
      EXPECT_EQ(read[static_cast<WeightId>(i)], once) << program_.weights[i].name;
      EXPECT_EQ(ready[static_cast<WeightId>(i)], once) << program_.weights[i].name;
    }
  }

  // Ops in the order of the program; a streamed weight's chunks each come into a free slot, are used once and freed, and cover its
  // outputs. A pass leaves the ring as it found it.
  void check_pass() {
    for (const ScheduleStep& step : schedule_.prime) move(step);
    const auto primed = std::tuple(host_, device_);
    std::vector<std::tuple<std::int32_t, std::int32_t>> ops;
    std::map<WeightId, std::vector<int>> streamed;
    bool gathered = false;
    for (const ScheduleStep& step : schedule_.pass) {
      move(step);
      if (std::holds_alternative<GatherTableStep>(step)) gathered = true;
      if (const auto* c = std::get_if<ComputeStep>(&step)) {
        if (ops.empty() || ops.back() != std::tuple(c->block, c->op)) ops.emplace_back(c->block, c->op);
        check_compute(*c, streamed);
        EXPECT_TRUE(gathered || schedule_.gathered.weight == kNone);
      }
    }
    EXPECT_EQ(std::tuple(host_, device_), primed);
    check_order(ops);
    for (std::size_t i = 0; i < program_.weights.size(); ++i) {
      if (schedule_.weights[i].home == Home::device || static_cast<WeightId>(i) == schedule_.gathered.weight) continue;
      const std::vector<int> once(static_cast<std::size_t>(program_.weights[i].outputs), 1);
      EXPECT_EQ(streamed[static_cast<WeightId>(i)], once) << program_.weights[i].name;
    }
  }

  using Held = std::map<std::int32_t, std::int32_t>;  // slot to chunk
  Held host_;
  Held device_;

  int host_slot(std::int32_t chunk) const {
    return schedule_.ring.disk_numbers[static_cast<std::size_t>(chunk)] % schedule_.ring.host.count;
  }
  // What kernels read: host slots where the host computes.
  Held& read_by_kernels() { return on_accelerator() ? device_ : host_; }
  int kernel_slot(std::int32_t chunk) const { return on_accelerator() ? chunk % schedule_.ring.device.count : host_slot(chunk); }

  // One step's effect on the slots.
  void move(const ScheduleStep& step) {
    if (const auto* f = std::get_if<FetchStep>(&step)) {
      EXPECT_TRUE(host_.emplace(host_slot(f->chunk), f->chunk).second) << "the slot of chunk " << f->chunk << " is not free";
      check_chunk(f->chunk);
    }
    if (const auto* u = std::get_if<UploadStep>(&step)) {
      ASSERT_TRUE(on_accelerator());
      EXPECT_TRUE(device_.emplace(kernel_slot(u->chunk), u->chunk).second) << "the device's slot of chunk " << u->chunk << " is not free";
      check_chunk(u->chunk);
      if (schedule_.ring.disk_numbers[static_cast<std::size_t>(u->chunk)] < 0) return;
      ASSERT_EQ(host_[host_slot(u->chunk)], u->chunk) << "chunk " << u->chunk << " was not read";
      host_.erase(host_slot(u->chunk));
    }
    if (const auto* f = std::get_if<FreeStep>(&step)) {
      ASSERT_EQ(read_by_kernels().erase(kernel_slot(f->chunk)), 1U);
    }
  }

  void check_chunk(std::int32_t chunk) {
    ASSERT_LT(chunk, std::ssize(schedule_.ring.chunks));
    const Chunk& c = schedule_.ring.chunks[static_cast<std::size_t>(chunk)];
    const auto i = static_cast<std::size_t>(c.weight);
    const Weight& weight = program_.weights[i];
    const bool from_disk = schedule_.ring.disk_numbers[static_cast<std::size_t>(chunk)] >= 0;
    EXPECT_EQ(schedule_.weights[i].home, from_disk ? Home::disk : Home::host);
    EXPECT_LE(c.first_row + c.outputs, weight.parts[static_cast<std::size_t>(c.part)].rows) << "a chunk is of one tensor";
    const auto bytes = static_cast<std::uint64_t>(c.outputs * weight.inputs) * element_bytes(binding_.weights[i].front().type);
    const SlotRing& ring = schedule_.ring;
    EXPECT_TRUE(!from_disk || bytes + 2 * 4095 <= ring.host.bytes + 4095);
    EXPECT_TRUE(!on_accelerator() || bytes <= ring.device.bytes);
    EXPECT_LE(ring.host.total(), arena(MemoryTag::staging, 0));
    EXPECT_LE((on_accelerator() ? ring.device : ring.host).total() + ring.prepared_bytes, arena(MemoryTag::staging));
  }

  void check_compute(const ComputeStep& step, std::map<WeightId, std::vector<int>>& streamed) {
    const Op& op = program_.blocks[static_cast<std::size_t>(step.block)].ops[static_cast<std::size_t>(step.op)];
    const auto* linear = std::get_if<LinearOp>(&op);
    if (step.chunk < 0) {
      EXPECT_TRUE(linear == nullptr || schedule_.weights[static_cast<std::size_t>(linear->weight)].home == Home::device);
      return;
    }
    ASSERT_NE(linear, nullptr);
    EXPECT_EQ(read_by_kernels()[kernel_slot(step.chunk)], step.chunk) << "it is not there";
    const Chunk& chunk = schedule_.ring.chunks[static_cast<std::size_t>(step.chunk)];
    EXPECT_EQ(chunk.weight, linear->weight);
    count_rows(streamed, chunk.weight, chunk.first_output, chunk.outputs);
  }

  void check_order(const std::vector<std::tuple<std::int32_t, std::int32_t>>& ops) {
    std::vector<std::tuple<std::int32_t, std::int32_t>> all;
    for (std::size_t block = 0; block < program_.blocks.size(); ++block) {
      for (std::size_t op = 0; op < program_.blocks[block].ops.size(); ++op)
        all.emplace_back(static_cast<std::int32_t>(block), static_cast<std::int32_t>(op));
    }
    EXPECT_EQ(ops, all);
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
          for (const bool smallest : {false, true}) {
            const auto streamed =
                make_plan(*model, machine, workload,
                          {.dtype = dtype, .red_zone_bytes = red_zone, .stream_everything = true, .smallest_chunks = smallest});
            ASSERT_TRUE(streamed.ok());
            EXPECT_FALSE(streamed->schedule->ring.chunks.empty());
            Promise(*model, *streamed).check();
          }
          const auto between =
              make_plan(*model, machine, workload,
                        {.max_memory = Bytes{(plan->smallest_budget.front().bytes.count + plan->devices.front().planned_total().count) / 2},
                         .dtype = dtype,
                         .red_zone_bytes = red_zone});
          ASSERT_TRUE(between.ok());
          Promise(*model, *between).check();
        }
      }
    }
  }
}

// A device beside the host, from nothing resident to everything, fed from the host's memory, from disk, or from both.
TEST(Schedule, KeepsItsPromisesOnAnAccelerator) {
  const TinyModel tiny{.hidden = 192, .layers = 5, .heads = 3, .intermediate = 500, .words = 900};
  const auto model = testing::open_tiny_model(tiny);
  std::set<std::tuple<std::size_t, std::int32_t, Home>> kinds;
  for (const bool smallest : {false, true}) {
    for (const std::uint64_t device : {64U, 3U, 2U, 1U}) {
      for (const std::uint64_t host : {64U, 8U, 6U, 5U, 4U}) {
        Snapshot machine = testing::paper_machine(mib(host), false, 2);
        machine.accelerators = {testing::paper_accelerator(mib(device))};
        const auto plan = make_plan(*model, machine, testing::paper_workload(20, 4), {.device = "sim:0", .smallest_chunks = smallest});
        ASSERT_TRUE(plan.ok()) << message(plan.error());
        Promise(*model, *plan).check();
        const SlotRing& ring = plan->schedule->ring;
        const WeightId table = plan->schedule->gathered.weight;
        kinds.emplace(ring.chunks.size(), ring.disk_chunks,
                      table == kNone ? Home::device : plan->schedule->weights[static_cast<std::size_t>(table)].home);
        EXPECT_EQ(plan->devices.size(), 2U);
        for (const DevicePlan& one : plan->devices)
          EXPECT_TRUE(plan->verdict == Verdict::does_not_fit || one.planned_total() <= one.budget);
      }
    }
  }
  EXPECT_GT(kinds.size(), 6U) << "nothing was tested";
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
