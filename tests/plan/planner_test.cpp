#include <plimsoll/plan.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>

#include "all_candidates.h"
#include "plan/candidates/candidate.h"
#include "plan/cost/cost.h"
#include "plan/layout/layout.h"
#include "planned_model.h"
#include "support/build.h"

namespace plimsoll {
namespace {

using testing::open_tiny_model;
using testing::paper_machine;
using testing::paper_workload;
using testing::TinyModel;

Plan planned(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy = {}) {
  auto plan = make_plan(model, machine, workload, policy);
  EXPECT_TRUE(plan.ok()) << message(plan.error());
  return std::move(plan).value();
}

ErrorCode refusal(const Model& model, const Workload& workload, const Policy& policy = {}) {
  const auto plan = make_plan(model, paper_machine(), workload, policy);
  return plan.ok() ? ErrorCode::internal : plan.error().code;
}

// Everything that tells one plan from another.
auto figures(const Plan& plan) {
  std::vector<std::uint64_t> offsets;
  for (const PlannedWeight& weight : plan.schedule->weights)
    offsets.insert(offsets.end(), {weight.offset, weight.bytes, static_cast<std::uint64_t>(weight.form.type)});
  for (const PlannedValue& value : plan.schedule->values)
    offsets.insert(offsets.end(), {value.offset, static_cast<std::uint64_t>(value.rows)});
  return std::tuple(plan.dtype, plan.compute_dtype, plan.verdict, plan.tokens_per_pass, plan.texts_per_pass, plan.devices.front().arenas,
                    plan.devices.front().runtime, plan.pass_seconds, plan.load_seconds, plan.smallest_budget.front().bytes,
                    plan.full_speed_budget.front().bytes, plan.sacrifices.size(), plan.alternatives.size(), plan.schedule->load.size(),
                    offsets);
}

/// The planner's choice, worked out anew: every candidate laid out in full, the best found by sorting.
struct BruteForce {
  struct Option {
    Candidate candidate;
    Bytes total;
    double seconds = 0;
  };
  std::vector<Option> options;
  bool prefer_speed = false;

  BruteForce(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy)
      : prefer_speed(policy.prefer_speed) {
    const DeviceDescription device = describe_cpu(machine, model.program());
    const LayoutRequest request{&model.program(), &model.binding(), &device, &device, workload, model.table_bytes(), 0};
    for (const Candidate& candidate : candidates(model.program(), model.binding(), workload, policy, device.native_bfloat16)) {
      const Layout layout = lay_out(request, candidate);
      const double pass = pass_seconds(request, layout.schedule, candidate);
      options.push_back({candidate, layout.arena_total() + device.runtime, workload_seconds(pass, candidate, workload)});
    }
  }

  const Option* best(Bytes limit) const {
    std::vector<const Option*> fitting;
    for (const Option& option : options) {
      if (option.total <= limit) fitting.push_back(&option);
    }
    const auto key = [&](const Option* o) { return std::tuple(prefer_speed ? 0 : o->candidate.loss, o->seconds, o->total.count); };
    std::stable_sort(fitting.begin(), fitting.end(), [&](const Option* a, const Option* b) { return key(a) < key(b); });
    return fitting.empty() ? nullptr : fitting.front();
  }

  std::vector<Bytes> totals() const {
    std::vector<Bytes> list;
    for (const Option& option : options) list.push_back(option.total);
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    return list;
  }
};

struct Instance {
  Workload workload;
  Policy policy;
  bool native = false;
};

std::vector<Instance> instances() {
  const std::vector<Rung> both = {Rung::bfloat16, Rung::float16};
  return {{paper_workload(20), {}, false},
          {paper_workload(20, 6), {}, true},
          {paper_workload(20, 6), {.forbid = {Rung::microbatch}}, false},
          {paper_workload(20, 6), {.allow = both, .forbid = {Rung::stream}}, true},
          {paper_workload(20, 6), {.forbid = {Rung::gather, Rung::microbatch}}, false},
          {paper_workload(20, 6), {.forbid = {Rung::stream, Rung::gather}}, false},
          {paper_workload(20, 1, 5, 70), {.allow = both}, false},
          {paper_workload(20, 6, 50, 400), {.allow = both}, true},
          {paper_workload(20, 6, 50, 400), {.allow = both, .prefer_speed = true}, true},
          {paper_workload(20, 3), {.allow = both, .forbid = {Rung::bfloat16}}, true},
          {paper_workload(8), {.dtype = ElementType::float16}, false},
          {paper_workload(8), {.dtype = ElementType::bfloat16, .allow = both}, true}};
}

TEST(Planner, TheChoiceIsTheBestOfAllCandidatesAtEveryBudget) {
  const auto model = open_tiny_model(TinyModel{.hidden = 72, .layers = 3, .heads = 2, .intermediate = 200});
  for (const Instance& instance : instances()) {
    const BruteForce all(*model, paper_machine({}, instance.native), instance.workload, instance.policy);
    const Bytes smallest = all.totals().front();
    std::vector<Bytes> budgets = {Bytes{0}, mib(4096)};
    const std::vector<Bytes> totals = all.totals();
    const std::size_t stride = testing::kSanitized ? 9 : 1;
    for (std::size_t i = 0; i < totals.size(); i += stride)
      budgets.insert(budgets.end(), {totals[i] - kPage, totals[i], totals[i] + kPage});
    for (const Bytes budget : budgets) {
      const Plan plan = planned(*model, paper_machine(budget, instance.native), instance.workload, instance.policy);
      const BruteForce::Option* want = all.best(budget);
      EXPECT_EQ(plan.verdict == Verdict::does_not_fit, want == nullptr);
      EXPECT_EQ(plan.verdict == Verdict::does_not_fit, budget < smallest) << "a larger budget never does worse";
      EXPECT_EQ(plan.smallest_budget.front().bytes, smallest);
      if (want == nullptr) continue;
      EXPECT_EQ(plan.devices.front().planned_total(), want->total);
      EXPECT_LE(plan.devices.front().planned_total(), budget);
      EXPECT_EQ(plan.tokens_per_pass, want->candidate.tokens_per_pass);
      EXPECT_EQ(plan.texts_per_pass, want->candidate.texts_per_pass);
      EXPECT_EQ(plan.dtype, want->candidate.storage);
      EXPECT_EQ(plan.compute_dtype, want->candidate.compute);
      const Candidate& c = want->candidate;
      const bool degraded = c.narrowing.has_value() || c.microbatch || c.gathers() || c.streamed_blocks > 0;
      EXPECT_EQ(plan.verdict, degraded ? Verdict::fits_degraded : Verdict::fits);
      const auto on_disk = std::count_if(plan.layers.begin(), plan.layers.end(), [](const LayerPlan& l) { return l.home == "disk"; });
      EXPECT_EQ(on_disk, c.streamed_blocks + (c.gathers() ? 1 : 0));
    }
  }
}

TEST(Planner, FullSpeedIsTheLeastBudgetWithinATenthOfTheBestTime) {
  const auto model = open_tiny_model(TinyModel{.hidden = 72, .layers = 3, .heads = 2, .intermediate = 200});
  for (const Instance& instance : instances()) {
    const BruteForce all(*model, paper_machine({}, instance.native), instance.workload, instance.policy);
    const BruteForce::Option best = *all.best(mib(1 << 20));
    Bytes least = best.total;
    for (const auto& option : all.options) {
      if (option.candidate.loss <= best.candidate.loss && option.seconds <= 1.1 * best.seconds) least = std::min(least, option.total);
    }
    EXPECT_EQ(
        planned(*model, paper_machine(mib(4096), instance.native), instance.workload, instance.policy).full_speed_budget.front().bytes,
        least);
    EXPECT_LE(all.best(least)->seconds, 1.1 * best.seconds);
  }
}

TEST(Planner, IsPure) {
  const auto model = open_tiny_model(TinyModel{.hidden = 48});
  for (const Instance& instance : instances()) {
    const Snapshot machine = paper_machine(mib(6), instance.native);
    EXPECT_EQ(figures(planned(*model, machine, instance.workload, instance.policy)),
              figures(planned(*model, machine, instance.workload, instance.policy)));
  }
}

TEST(Planner, TotalsAreSumsOfWholePages) {
  for (const TinyModel& tiny : {TinyModel{}, TinyModel{.hidden = 7, .layers = 1, .heads = 1, .intermediate = 11, .labels = 1},
                                TinyModel{.hidden = 100, .labels = 130}}) {
    const auto model = open_tiny_model(tiny);
    const Plan plan = planned(*model, paper_machine(), paper_workload(20));
    const DevicePlan& device = plan.devices.front();
    Bytes sum = device.runtime;
    for (const Bytes arena : device.arenas) {
      EXPECT_EQ(arena.count % kPage.count, 0U);
      sum += arena;
    }
    EXPECT_EQ(device.planned_total(), sum);
    EXPECT_EQ(sum.count % kPage.count, 0U);
    Bytes layers;
    for (const LayerPlan& layer : plan.layers) layers += layer.bytes;
    EXPECT_EQ(round_to_pages(layers), device.arenas[static_cast<std::size_t>(MemoryTag::weights)]);
    EXPECT_EQ(plan.layers.size(), static_cast<std::size_t>(tiny.layers) + 3);
  }
}

TEST(Planner, TheBudgetIsTheLesserOfWhatIsFreeAndWhatIsAllowed) {
  const auto model = open_tiny_model(TinyModel{});
  EXPECT_EQ(planned(*model, paper_machine(mib(64)), paper_workload(8)).devices.front().budget, mib(64));
  EXPECT_EQ(planned(*model, paper_machine(mib(64)), paper_workload(8), {.max_memory = mib(32)}).devices.front().budget, mib(32));
  EXPECT_EQ(planned(*model, paper_machine(mib(64)), paper_workload(8), {.max_memory = mib(128)}).devices.front().budget, mib(64));
}

// What the process holds already is planned for, and budgets that are named have room for it.
TEST(Planner, WhatIsHeldIsRuntime) {
  const auto model = open_tiny_model(TinyModel{});
  Snapshot machine = paper_machine(mib(64));
  const Plan without = planned(*model, machine, paper_workload(8));
  machine.held = mib(3) + Bytes{1};
  const Plan with = planned(*model, machine, paper_workload(8));
  const Bytes pages = mib(3) + kPage;
  EXPECT_EQ(with.devices.front().runtime, without.devices.front().runtime + pages);
  EXPECT_EQ(with.devices.front().arena_total(), without.devices.front().arena_total());
  EXPECT_EQ(with.smallest_budget.front().bytes, without.smallest_budget.front().bytes + pages);
  machine.held = Bytes{std::numeric_limits<std::uint64_t>::max()};
  EXPECT_EQ(make_plan(*model, machine, paper_workload(8), {}).error().code, ErrorCode::usage);
}

TEST(Planner, AnUnlimitedMachineKeepsTheBatchThatWasAskedFor) {
  const auto model = open_tiny_model(TinyModel{});
  for (const Workload& workload :
       {paper_workload(16, 8, 40, 130), paper_workload(16, 8), paper_workload(16, 8, 9, 129), paper_workload(16, 5, 8, 20)}) {
    const Plan plan = planned(*model, paper_machine(), workload);
    EXPECT_EQ(plan.texts_per_pass, workload.batch_size);
    EXPECT_EQ(plan.verdict, Verdict::fits);
    EXPECT_TRUE(plan.sacrifices.empty());
  }
}

TEST(Planner, ASmallerPassThanAskedForIsASacrificeAndAPrecisionIsOne) {
  const auto model = open_tiny_model(TinyModel{.hidden = 128, .intermediate = 512});
  const Workload workload = paper_workload(60, 64);
  const std::vector<Rung> resident = {Rung::stream, Rung::gather};
  const Plan best = planned(*model, paper_machine(), workload, {.forbid = resident});
  const Plan least = planned(*model, paper_machine(best.smallest_budget.front().bytes), workload, {.forbid = resident});
  ASSERT_EQ(least.sacrifices.size(), 1U);
  EXPECT_EQ(least.sacrifices.front().rung, Rung::microbatch);
  EXPECT_EQ(least.sacrifices.front().saved, best.devices.front().planned_total() - least.devices.front().planned_total());
  EXPECT_GE(least.sacrifices.front().cost_seconds, 0);

  const Policy allow{.allow = {Rung::bfloat16}, .forbid = {Rung::microbatch, Rung::stream, Rung::gather}};
  const Plan wide = planned(*model, paper_machine(), workload, allow);
  EXPECT_EQ(wide.verdict, Verdict::fits) << "an allowed precision is used only when nothing else fits";
  const Plan narrow = planned(*model, paper_machine(wide.devices.front().planned_total() - kPage), workload, allow);
  ASSERT_EQ(narrow.sacrifices.size(), 1U);
  EXPECT_EQ(narrow.sacrifices.front().rung, Rung::bfloat16);
  EXPECT_LT(std::count_if(narrow.layers.begin(), narrow.layers.end(), [](const LayerPlan& l) { return l.dtype == ElementType::bfloat16; }),
            std::ssize(narrow.layers))
      << "as many as the deficit needs";
  const Policy speed{.allow = {Rung::bfloat16}, .prefer_speed = true};
  EXPECT_EQ(planned(*model, paper_machine(mib(4096), true), workload, speed).compute_dtype, ElementType::bfloat16);
}

TEST(Planner, WhatDoesNotFitIsToldWithFiguresAndAdvice) {
  const auto model = open_tiny_model(TinyModel{.hidden = 256, .intermediate = 1024});
  const Workload workload = paper_workload(60, 4);
  const Bytes smallest = planned(*model, paper_machine(), workload).smallest_budget.front().bytes;
  const Bytes less = smallest - kPage;

  const Error capped = does_not_fit(planned(*model, paper_machine(mib(4096), true), workload, {.max_memory = less}));
  EXPECT_EQ(capped.code, ErrorCode::does_not_fit);
  EXPECT_EQ(exit_code(capped.code), 6);
  ASSERT_TRUE(capped.memory.has_value());
  EXPECT_EQ(capped.memory->requested, smallest);
  EXPECT_EQ(capped.memory->limit, less);
  EXPECT_EQ(capped.memory->free, mib(4096));
  EXPECT_EQ(capped.memory->smallest_budget.front().bytes, smallest);
  EXPECT_NE(capped.advice.find("--max-memory to " + format_exact(smallest)), std::string::npos) << capped.advice;
  EXPECT_EQ(capped.advice.find("free "), std::string::npos) << capped.advice;
  EXPECT_NE(capped.advice.find("--dtype bfloat16"), std::string::npos) << capped.advice;

  const Error short_of = does_not_fit(planned(*model, paper_machine(less), workload));
  EXPECT_NE(short_of.advice.find("free " + format_bytes(kPage)), std::string::npos) << short_of.advice;
  EXPECT_EQ(short_of.advice.find("--max-memory"), std::string::npos) << short_of.advice;

  const Error both = does_not_fit(planned(*model, paper_machine(less), workload, {.max_memory = less - kPage}));
  EXPECT_NE(both.advice.find("free " + format_bytes(kPage)), std::string::npos)
      << "the machine has less than the model needs, whatever the flag says: " << both.advice;
  EXPECT_NE(both.advice.find("--max-memory to "), std::string::npos) << both.advice;
}

TEST(Planner, AlternativesAreWhatPlanningThemGives) {
  for (const char* stored : {"F32", "F16", "BF16"}) {
    const auto model = open_tiny_model(TinyModel{.hidden = 128, .dtype = stored});
    for (const bool native : {false, true}) {
      for (const Bytes free : {mib(4096), mib(7)}) {
        const Workload workload = paper_workload(60, 8);
        const Plan plan = planned(*model, paper_machine(free, native), workload);
        for (const Alternative& row : plan.alternatives) {
          EXPECT_TRUE(row.dtype != plan.dtype || row.compute_dtype != plan.compute_dtype) << "the plan itself is no alternative";
          bool found = false;
          for (const ElementType dtype : {ElementType::float32, ElementType::bfloat16, ElementType::float16}) {
            const Plan direct = planned(*model, paper_machine(free, native), workload, {.dtype = dtype});
            if (direct.dtype != row.dtype || direct.compute_dtype != row.compute_dtype) continue;
            found = true;
            EXPECT_EQ(row.bytes, direct.devices.front().planned_total());
            EXPECT_EQ(row.pass_seconds, direct.pass_seconds);
            EXPECT_EQ(row.verdict, direct.verdict);
            EXPECT_EQ(row.smallest_budget.front().bytes, direct.smallest_budget.front().bytes);
          }
          EXPECT_TRUE(found);
        }
        EXPECT_FALSE(plan.alternatives.empty());
      }
    }
  }
}

TEST(Planner, RequestsThatContradictTheModelAreUsage) {
  const auto model = open_tiny_model(TinyModel{.positions = 64});
  EXPECT_EQ(refusal(*model, paper_workload(0)), ErrorCode::usage);
  EXPECT_EQ(refusal(*model, paper_workload(-1)), ErrorCode::usage);
  EXPECT_EQ(refusal(*model, paper_workload(65)), ErrorCode::usage);
  EXPECT_EQ(refusal(*model, paper_workload(8, -1)), ErrorCode::usage);
  for (const ElementType type : {ElementType::int8, ElementType::float64, ElementType::int32})
    EXPECT_EQ(refusal(*model, paper_workload(8), {.dtype = type}), ErrorCode::unsupported);
  EXPECT_EQ(planned(*model, paper_machine(), paper_workload(64)).workload.longest, 64);
}

TEST(Planner, AnAbsurdBatchDoesNotOverflow) {
  const auto model = open_tiny_model(TinyModel{});
  for (const std::int64_t batch : {std::int64_t{1} << 31, std::int64_t{1} << 40, std::int64_t{1} << 62}) {
    const Plan plan = planned(*model, paper_machine(), paper_workload(64, batch));
    EXPECT_LE(plan.tokens_per_pass, std::int64_t{1} << 31);
    EXPECT_GE(plan.tokens_per_pass, 64);
    EXPECT_LE(plan.devices.front().planned_total(), mib(4096));
    const Plan forbidden = planned(*model, paper_machine(), paper_workload(64, batch), {.forbid = {Rung::microbatch}});
    EXPECT_EQ(forbidden.verdict, Verdict::does_not_fit);
    EXPECT_GT(forbidden.smallest_budget.front().bytes, mib(1 << 18));
  }
}

TEST(Planner, HundredsOfLayersArePlannedAtOnce) {
  const auto model = open_tiny_model(TinyModel{.hidden = 16, .layers = 500, .heads = 1, .intermediate = 16, .positions = 512});
  const auto start = std::chrono::steady_clock::now();
  const Plan plan = planned(*model, paper_machine(), paper_workload(16), {.allow = {Rung::bfloat16, Rung::float16}});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(testing::kSanitized ? 120 : 10))
      << "a fraction of a second, if nothing is quadratic";
  EXPECT_EQ(plan.layers.size(), 503U);
}

Snapshot with_accelerator(Bytes host, Bytes device) {
  Snapshot machine = paper_machine(host);
  machine.accelerators = {testing::paper_accelerator(device)};
  return machine;
}

Bytes budget_of(const std::vector<DeviceBytes>& budgets, const std::string& device) {
  for (const DeviceBytes& budget : budgets) {
    if (budget.device == device) return budget.bytes;
  }
  return {};
}

TEST(PlannerOnAccelerators, AModelThatFitsComputesThereAndOneThatDoesNotIsFedFromTheHost) {
  const auto model = open_tiny_model(TinyModel{.hidden = 256, .layers = 6, .heads = 4, .intermediate = 1024, .words = 2000});
  const Workload workload = paper_workload(60, 8);
  const Plan roomy = planned(*model, with_accelerator(mib(512), mib(512)), workload);
  EXPECT_EQ(roomy.verdict, Verdict::fits);
  for (const LayerPlan& layer : roomy.layers)
    EXPECT_EQ(std::pair(layer.home, layer.compute), std::pair(std::string("sim:0"), std::string("sim:0")));

  const Plan tight = planned(*model, with_accelerator(mib(512), mib(6)), workload, {.device = "sim:0"});
  EXPECT_EQ(tight.verdict, Verdict::fits_degraded);
  ASSERT_EQ(tight.devices.size(), 2U);
  EXPECT_LE(tight.devices[1].planned_total(), mib(6));
  std::set<std::string> homes;
  for (const LayerPlan& layer : tight.layers) {
    EXPECT_EQ(layer.compute, "sim:0");
    homes.insert(layer.home);
  }
  EXPECT_TRUE(homes.contains("cpu")) << "streamed from the host's memory";
  EXPECT_FALSE(homes.contains("disk")) << "the host has room for all of it";
  EXPECT_GE(tight.pass_seconds, roomy.pass_seconds);
}

TEST(PlannerOnAccelerators, AHostThatIsShortFeedsItFromDiskAndADeviceThatIsTooSmallLeavesItToTheHost) {
  const auto model = open_tiny_model(TinyModel{.hidden = 256, .layers = 6, .heads = 4, .intermediate = 1024, .words = 2000});
  const Workload workload = paper_workload(60, 8);
  const Plan from_disk = planned(*model, with_accelerator(mib(8), mib(6)), workload, {.device = "sim:0"});
  EXPECT_NE(from_disk.verdict, Verdict::does_not_fit);
  EXPECT_GT(from_disk.schedule->ring.disk_chunks, 0);
  const Plan no_disk = planned(*model, with_accelerator(mib(8), mib(6)), workload, {.device = "sim:0", .use_disk = false});
  EXPECT_EQ(no_disk.verdict, Verdict::does_not_fit) << "neither has room for what the other has not";
  const Plan too_small = planned(*model, with_accelerator(mib(512), kib(64)), workload);
  ASSERT_FALSE(too_small.sacrifices.empty());
  EXPECT_EQ(too_small.sacrifices.front().rung, Rung::cpu);
  for (const LayerPlan& layer : too_small.layers) EXPECT_EQ(layer.compute, "cpu");
  const Plan refused = planned(*model, with_accelerator(mib(512), kib(64)), workload, {.forbid = {Rung::cpu}});
  EXPECT_EQ(refused.verdict, Verdict::does_not_fit);
}

// What cannot leave its device, values or the word table, divides better than it streams.
TEST(PlannerOnAccelerators, TheSmallestBudgetsOfADivisionAreTrue) {
  const auto model = open_tiny_model(TinyModel{.hidden = 256, .layers = 4, .heads = 4, .intermediate = 1024, .words = 9000});
  const Workload workload = paper_workload(60, 8);
  const Policy policy{.forbid = {Rung::gather, Rung::cpu, Rung::microbatch}};
  const auto with = [&](const std::array<Bytes, 2>& devices) {
    Snapshot machine = with_accelerator(mib(512), devices[0]);
    machine.accelerators.push_back(testing::paper_accelerator(devices[1], "sim:1"));
    return planned(*model, machine, workload, policy);
  };
  int divided = 0;
  for (const std::uint64_t first : {2U, 6U, 11U}) {
    for (const std::uint64_t second : {5U, 7U, 12U}) {
      const std::array<Bytes, 2> sizes = {mib(first), mib(second)};
      for (const DeviceBytes& least : with(sizes).smallest_budget) {
        if (least.device == "cpu") continue;
        const std::size_t device = least.device == "sim:0" ? 0 : 1;
        std::array<Bytes, 2> now = sizes;
        now[device] = least.bytes;
        const Plan enough = with(now);
        EXPECT_NE(enough.verdict, Verdict::does_not_fit) << first << " " << second << " " << least.device << " " << least.bytes.count;
        now[device] = least.bytes - kPage;
        EXPECT_EQ(with(now).verdict, Verdict::does_not_fit) << first << " " << second << " " << least.device << " " << least.bytes.count;
        divided += enough.stages->size() > 1 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(divided, 0);
}

TEST(PlannerOnAccelerators, TheSmallestBudgetOfEachDeviceIsTrue) {
  const auto model = open_tiny_model(TinyModel{.hidden = 192, .layers = 4, .heads = 3, .intermediate = 700, .words = 1500});
  const Workload workload = paper_workload(30, 4);
  const Policy policy{.device = "sim:0"};
  for (const Bytes host : {mib(512), mib(9), mib(5)}) {
    for (const Bytes device : {mib(512), mib(3), kib(300)}) {
      const Plan plan = planned(*model, with_accelerator(host, device), workload, policy);
      if (const Bytes least = budget_of(plan.smallest_budget, "sim:0"); least.count > 0) {
        EXPECT_NE(planned(*model, with_accelerator(host, least), workload, policy).verdict, Verdict::does_not_fit);
        EXPECT_EQ(planned(*model, with_accelerator(host, least - kPage), workload, policy).verdict, Verdict::does_not_fit);
      }
      if (const Bytes least = budget_of(plan.smallest_budget, "cpu"); least.count > 0) {
        EXPECT_NE(planned(*model, with_accelerator(least, device), workload, policy).verdict, Verdict::does_not_fit);
        EXPECT_EQ(planned(*model, with_accelerator(least - kPage, device), workload, policy).verdict, Verdict::does_not_fit);
      }
    }
  }
}

TEST(PlannerOnAccelerators, ADeviceThatThereIsNotIsUsage) {
  const auto model = open_tiny_model(TinyModel{});
  EXPECT_EQ(refusal(*model, paper_workload(8), {.device = "sim:0"}), ErrorCode::usage);
  EXPECT_EQ(planned(*model, with_accelerator(mib(64), mib(64)), paper_workload(8), {.device = "cpu"}).layers.front().compute, "cpu");
}

TEST(Planner, ReadsFurtherAheadWhereTheDiskSetsThePace) {
  const auto model = open_tiny_model({.hidden = 192, .layers = 4, .heads = 3, .intermediate = 768, .words = 500});
  const auto slots = [&](double disk_rate) {
    Snapshot machine = paper_machine(mib(64));
    machine.rates.disk_read = disk_rate;
    return planned(*model, machine, paper_workload(32, 8), {.stream_everything = true}).schedule->ring.host.count;
  };
  EXPECT_EQ(slots(1e8), 8);
  EXPECT_LE(slots(1e12), 4) << "more would be memory for nothing";
}

// Slots for loading, one for each of many threads, would be more than all that they are for.
TEST(Planner, LoadingTakesLittleBesideSmallWeightsHoweverManyThreads) {
  const auto model = testing::open_tiny_model(TinyModel{.hidden = 192, .layers = 4, .heads = 3, .intermediate = 768, .words = 3000});
  const auto planned = [&](int threads) {
    const auto plan = make_plan(*model, testing::paper_machine(mib(4096), false, threads), {.longest = 16}, {.use_disk = false});
    EXPECT_TRUE(plan.ok()) << message(plan.error());
    return *plan;
  };
  const auto arena = [](const Plan& plan, MemoryTag tag) { return plan.devices[0].arenas[static_cast<std::size_t>(tag)]; };
  const Plan few = planned(2);
  const Plan many = planned(64);
  EXPECT_EQ(arena(many, MemoryTag::weights), arena(few, MemoryTag::weights));
  EXPECT_LE(arena(many, MemoryTag::staging).count, arena(few, MemoryTag::staging).count + arena(few, MemoryTag::weights).count / 16);
  EXPECT_EQ(many.schedule->load_slots.total(),
            static_cast<std::uint64_t>(many.schedule->load_slots.count) * few.schedule->load_slots.bytes);
  EXPECT_GE(many.schedule->load_slots.count, 2);
}

}  // namespace
}  // namespace plimsoll
