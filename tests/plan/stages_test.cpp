// Plans of several stages: what each takes, where it lies, and what stages hand on to each other.
#include "plan/stages/stages.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "all_candidates.h"
#include "planned_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

class Stages : public ::testing::Test {
 protected:
  void open(const TinyModel& tiny) {
    model_ = testing::open_tiny_model(tiny);
    binding_ = model_->binding();
    const Snapshot machine = testing::paper_machine(mib(64));
    workload_ = testing::paper_workload(20, 6);
    devices_ = {describe_cpu(machine, model_->program()), describe_accelerator(machine, testing::paper_accelerator(mib(64))),
                describe_accelerator(machine, testing::paper_accelerator(mib(64), "sim:1"))};
    requests_.clear();
    for (const DeviceDescription& device : devices_)
      requests_.push_back({&model_->program(), &binding_, &device, devices_.data(), workload_, model_->table_bytes(), 0});
  }

  // As if files had some of the weights in another type.
  void store_otherwise(ElementType type) {
    for (std::vector<BoundPart>& parts : binding_.weights) {
      if (random_() % 8 > 0) continue;
      for (BoundPart& part : parts) part.type = type;
    }
  }

  // Stages of random lengths on random devices, a device as often as it comes, each with a random candidate of that device for one pass.
  std::vector<StageChoice> random_choices() {
    const std::int64_t blocks = std::ssize(model_->program().blocks);
    std::vector<StageChoice> choices;
    for (std::int64_t first = 0; first < blocks;) {
      const auto device = static_cast<std::int32_t>(random_() % devices_.size());
      const std::int64_t count = std::min<std::int64_t>(1 + static_cast<std::int64_t>(random_() % 5), blocks - first);
      const Program part = stage_program(model_->program(), first, count);
      std::vector<Candidate> list = candidates(part, binding_, workload_, {.forbid = {Rung::microbatch}}, false, device);
      choices.push_back({first, count, list[random_() % list.size()]});
      first += count;
    }
    return choices;
  }

  std::unique_ptr<Model> model_;
  Binding binding_;
  Workload workload_;
  std::vector<DeviceDescription> devices_;
  std::vector<LayoutRequest> requests_;
  std::mt19937 random_{7};
};

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Ranges of one arena: none overlaps another, none ends beyond it.
void expect_apart(std::vector<Range> ranges, Bytes arena, const std::string& what) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::uint64_t end = 0;
  for (const Range& range : ranges) {
    EXPECT_GE(range.begin, end) << what;
    end = range.end;
  }
  EXPECT_LE(end, arena.count) << what;
}

Bytes arena(const StagedLayout& layout, std::int32_t device, MemoryTag tag) {
  return layout.arenas[static_cast<std::size_t>(device)][static_cast<std::size_t>(tag)];
}

TEST_F(Stages, EstimatesAreWhatLayingOutGives) {
  for (const TinyModel& tiny :
       {TinyModel{.layers = 9}, TinyModel{.hidden = 72, .layers = 3, .heads = 1, .intermediate = 200, .words = 2000},
        TinyModel{.hidden = 96, .layers = 6, .heads = 3, .dtype = "BF16"}}) {
    open(tiny);
    for (int round = 0; round < 60; ++round) {
      if (round == 40) store_otherwise(ElementType::float16);
      const std::vector<StageChoice> choices = random_choices();
      const StagedLayout layout = lay_out_stages(requests_, choices);
      const StagedFigures figures = StageEstimator(requests_).estimate(choices);
      ASSERT_EQ(layout.arenas.size(), devices_.size());
      for (std::size_t d = 0; d < devices_.size(); ++d) EXPECT_EQ(figures.arenas[d], arena_total(layout.arenas[d])) << d;
      EXPECT_NEAR(figures.pass_seconds, layout.pass_seconds, 1e-12);
      EXPECT_GT(figures.pass_seconds, 0);
    }
  }
}

TEST_F(Stages, LayersThatAreAlikeAreMeasuredOnce) {
  open(TinyModel{.layers = 40});
  const Program& program = model_->program();
  const std::size_t blocks = abridge(program, binding_).program.blocks.size();
  EXPECT_LT(blocks, 10U);
  // One layer has a matrix of another type: it is one by itself, and parts those before it from those behind.
  const Op& product = program.blocks[20].ops.front();
  binding_.weights[static_cast<std::size_t>(*op_weights(product).begin())].front().type = ElementType::bfloat16;
  const Abridged other = abridge(program, binding_);
  EXPECT_EQ(other.program.blocks.size(), blocks + 2);
  EXPECT_NE(other.runs[19], other.runs[20]);
  EXPECT_EQ(other.runs[21], other.runs[30]);
}

TEST_F(Stages, EachWeightHasOnePlaceAndRingsAreApart) {
  open(TinyModel{.hidden = 96, .layers = 6, .heads = 3, .intermediate = 300});
  std::size_t revisits = 0;
  for (int round = 0; round < 60; ++round) {
    const std::vector<StageChoice> choices = random_choices();
    const StagedLayout layout = lay_out_stages(requests_, choices);
    std::map<std::int32_t, std::vector<Range>> weights;
    std::map<std::int32_t, std::vector<Range>> rings;
    std::set<std::size_t> placed;
    std::set<std::int32_t> seen;
    for (const Stage& stage : layout.stages) {
      const Schedule& schedule = stage.schedule;
      revisits += seen.insert(schedule.device).second ? 0 : 1;
      std::set<std::size_t> used;
      for (std::int64_t b = stage.first_block; b < stage.first_block + stage.blocks; ++b) {
        for (const Op& op : model_->program().blocks[static_cast<std::size_t>(b)].ops)
          for (const WeightId id : op_weights(op)) used.insert(static_cast<std::size_t>(id));
      }
      for (std::size_t i = 0; i < schedule.weights.size(); ++i) {
        const PlannedWeight& weight = schedule.weights[i];
        EXPECT_TRUE(used.contains(i) || (weight.home == Home::disk && weight.bytes == 0));
        const bool is_first = !used.contains(i) || placed.insert(i).second;
        EXPECT_TRUE(is_first) << i;
        if (weight.home == Home::device) weights[schedule.device].push_back({weight.offset, weight.offset + weight.bytes});
        if (weight.home == Home::host) weights[0].push_back({weight.offset, weight.offset + 1});
      }
      const SlotRing& ring = schedule.ring;
      const std::uint64_t prepared = ring.prepared_bytes;
      const bool there = schedule.device > 0;
      EXPECT_EQ(ring.host_offset % kDirectBlock, 0U);
      rings[0].push_back({ring.host_offset, ring.host_offset + ring.host.total() + (there ? 0 : prepared)});
      if (there) rings[schedule.device].push_back({ring.device_offset, ring.device_offset + ring.device.total() + prepared});
    }
    EXPECT_EQ(placed.size(), model_->program().weights.size());
    for (const auto& [device, ranges] : weights) expect_apart(ranges, arena(layout, device, MemoryTag::weights), "weights");
    for (const auto& [device, ranges] : rings) expect_apart(ranges, arena(layout, device, MemoryTag::staging), "staging");
  }
  EXPECT_GT(revisits, 10U);
}

TEST_F(Stages, WhatIsHandedOnIsWhereTheNextStageLooksForIt) {
  open(TinyModel{.layers = 4});
  const Program& program = model_->program();
  for (int round = 0; round < 30; ++round) {
    const StagedLayout layout = lay_out_stages(requests_, random_choices());
    std::set<ValueId> there = {program.ids, program.position_ids, program.type_ids, program.text_starts};
    const Schedule& front = layout.stages.front().schedule;
    for (const Stage& stage : layout.stages) {
      const StageValues values = stage_values(program, stage.first_block, stage.blocks);
      for (const ValueId id : values.inputs) EXPECT_TRUE(there.contains(id)) << program.values[static_cast<std::size_t>(id)].name;
      there.insert(values.outputs.begin(), values.outputs.end());
      EXPECT_EQ(stage.schedule.pass_bytes, front.pass_bytes);
      EXPECT_EQ(stage.schedule.stage_bytes, front.stage_bytes);
      for (const std::vector<ValueId>* list : {&values.inputs, &values.outputs}) {
        for (const ValueId id : *list) {
          const auto i = static_cast<std::size_t>(id);
          EXPECT_EQ(stage.schedule.values[i].offset, front.values[i].offset) << program.values[i].name;
          EXPECT_LT(stage.schedule.values[i].offset, front.pass_bytes + front.stage_bytes);
        }
      }
    }
    EXPECT_TRUE(there.contains(program.logits));
  }
}

TEST_F(Stages, OneStageOfAllBlocksIsThePlanOfOneDevice) {
  open(TinyModel{});
  for (std::int32_t device = 0; device < 2; ++device) {
    for (const Candidate& candidate : candidates(model_->program(), model_->binding(), workload_, {}, false, device)) {
      const StagedLayout staged = lay_out_stages(requests_, {{0, std::ssize(model_->program().blocks), candidate}});
      const Layout layout = lay_out(requests_[static_cast<std::size_t>(device)], candidate);
      EXPECT_EQ(staged.arenas[0], layout.arenas[0]);
      EXPECT_EQ(staged.arenas[1], device > 0 ? layout.arenas[1] : TagBytes{});
      EXPECT_EQ(staged.stages.front().schedule.pass.size(), layout.schedule.pass.size());
      EXPECT_EQ(staged.stages.front().schedule.stage_bytes, 0U);
    }
  }
}

}  // namespace
}  // namespace plimsoll
