// Programs divided among devices: against every division that there is.
#include "plan/stages/split.h"

#include <gtest/gtest.h>

#include "all_candidates.h"
#include "planned_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

const TinyModel kNetwork{.hidden = 192, .layers = 4, .heads = 3, .intermediate = 768, .words = 3000};

/// A machine with two accelerators, the first four times as fast as the second, and a slow processor.
Snapshot two_accelerators(Bytes host, Bytes first, Bytes second) {
  Snapshot machine = testing::paper_machine(host);
  machine.rates.float32_flops = 2e10;
  machine.accelerators = {testing::paper_accelerator(first), testing::paper_accelerator(second, "sim:1")};
  machine.accelerators[0].link_rate = 1.5e9;
  machine.accelerators[1].float32_flops = 2.5e11;
  return machine;
}

Plan planned(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy = {}) {
  auto plan = make_plan(model, machine, workload, policy);
  EXPECT_TRUE(plan.ok()) << message(plan.error());
  return std::move(plan).value();
}

Bytes least_of(const Plan& plan, const std::string& device) {
  for (const DeviceBytes& least : plan.smallest_budget) {
    if (least.device == device) return least.bytes;
  }
  return {};
}

/// Every division into at most three stages on different devices, in any order, with every candidate of each stage that has the given pass.
class BruteForce {
 public:
  BruteForce(const Model& model, const Snapshot& machine, const Workload& workload) : model_(model), workload_(workload) {
    devices_ = {describe_cpu(machine, model.program()), describe_accelerator(machine, machine.accelerators[0]),
                describe_accelerator(machine, machine.accelerators[1])};
    for (const DeviceDescription& device : devices_) {
      requests_.push_back({&model.program(), &model.binding(), &device, devices_.data(), workload, model.table_bytes(), 0});
      budgets_.push_back(device.free);
    }
  }

  double best() {
    extend({}, 0);
    return best_;
  }

 private:
  // All of a stage's candidates but those that another beats on the host, on the device and in time.
  const std::vector<Candidate>& useful(std::int32_t device, std::int64_t first, std::int64_t count) {
    auto& known = useful_[{device, first, count}];
    if (!known.empty()) return known;
    struct Rated {
      Candidate candidate;
      Bytes host, device;
      double seconds = 0;
    };
    std::vector<Rated> rated;
    const Program part = stage_program(model_.program(), first, count);
    for (const Candidate& candidate : candidates(part, model_.binding(), workload_, {.forbid = {Rung::microbatch}}, false, device)) {
      const StagedFigures found = estimator_.estimate({{first, count, candidate}});
      rated.push_back(
          {candidate, found.arenas[0], device > 0 ? found.arenas[static_cast<std::size_t>(device)] : Bytes{}, found.pass_seconds});
    }
    for (const Rated& one : rated) {
      const bool beaten = std::any_of(rated.begin(), rated.end(), [&](const Rated& other) {
        return other.host <= one.host && other.device <= one.device && other.seconds < one.seconds;
      });
      const bool fits = device == 0 || one.device <= budgets_[static_cast<std::size_t>(device)];
      if (!beaten && fits) known.push_back(one.candidate);
    }
    return known;
  }

  void extend(const std::vector<StageChoice>& stages, std::int64_t first) {
    const std::int64_t blocks = std::ssize(model_.program().blocks);
    if (first == blocks) return rate(stages);
    for (std::int32_t device = 0; device < 3; ++device) {
      if (std::any_of(stages.begin(), stages.end(), [&](const StageChoice& stage) { return stage.candidate.device == device; })) continue;
      for (std::int64_t count = 1; first + count <= blocks; ++count) {
        for (const Candidate& candidate : useful(device, first, count)) {
          std::vector<StageChoice> longer = stages;
          longer.push_back({first, count, candidate});
          extend(longer, first + count);
        }
      }
    }
  }

  void rate(const std::vector<StageChoice>& stages) {
    const StagedFigures found = estimator_.estimate(stages);
    if (found.pass_seconds >= best_) return;
    const Bytes runtime = devices_[0].runtime + stage_runtime(model_.program(), stages.size());
    for (std::size_t d = 0; d < devices_.size(); ++d) {
      if (found.arenas[d] + (d == 0 ? runtime : Bytes{}) > budgets_[d]) return;
    }
    best_ = found.pass_seconds;
  }

  const Model& model_;
  const Workload& workload_;
  std::vector<DeviceDescription> devices_;
  std::vector<LayoutRequest> requests_;
  Budgets budgets_;
  StageEstimator estimator_{requests_};
  std::map<std::tuple<std::int32_t, std::int64_t, std::int64_t>, std::vector<Candidate>> useful_;
  double best_ = 1e300;
};

TEST(Split, IsWithinATwentiethOfTheBestDivision) {
  const auto model = testing::open_tiny_model(TinyModel{.hidden = 192, .layers = 2, .heads = 3, .intermediate = 768, .words = 3000});
  const Workload workload = testing::paper_workload(32, 8, 8, 256);
  std::size_t divided = 0;
  for (const Bytes host : {mib(6), mib(64)}) {
    for (Bytes first = kib(1536); first < mib(6); first += mib(1)) {
      for (Bytes second = kib(1536); second < mib(6); second += kib(1536)) {
        const Snapshot machine = two_accelerators(host, first, second);
        const Plan plan = planned(*model, machine, workload, {.forbid = {Rung::microbatch}});
        const double best = BruteForce(*model, machine, workload).best();
        if (plan.verdict == Verdict::does_not_fit) {
          EXPECT_GT(best, 1e200);
          continue;
        }
        EXPECT_LE(plan.pass_seconds, 1.05 * best) << format_bytes(host) << " " << format_bytes(first) << " " << format_bytes(second);
        divided += plan.stages->size() > 1 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(divided, 10U);
}

TEST(Split, EachDeviceComputesWhatItHolds) {
  const auto model = testing::open_tiny_model(kNetwork);
  const Workload workload = testing::paper_workload(32, 8, 8, 256);
  const Plan plan = planned(*model, two_accelerators(mib(64), mib(6), mib(8)), workload, {.forbid = {Rung::stream, Rung::cpu}});
  EXPECT_NE(plan.verdict, Verdict::does_not_fit);
  ASSERT_EQ(plan.stages->size(), 2U);
  EXPECT_EQ(plan.layers.front().compute, "sim:0");
  EXPECT_EQ(plan.layers.back().compute, "sim:1");
  EXPECT_EQ(plan.layers.back().home, "sim:1");
  for (const DevicePlan& device : plan.devices) {
    EXPECT_GT(device.planned_total(), Bytes{}) << device.name;
    EXPECT_LE(device.planned_total(), device.budget) << device.name;
  }
}

TEST(Split, OneDeviceIsEnoughWhereItHoldsEverything) {
  const auto model = testing::open_tiny_model(kNetwork);
  const Plan plan = planned(*model, two_accelerators(mib(64), mib(64), mib(64)), testing::paper_workload(32, 8));
  EXPECT_EQ(plan.stages->size(), 1U);
  EXPECT_EQ(plan.devices[2].planned_total(), Bytes{});
}

TEST(Split, TheSmallestBudgetOfEachDeviceIsTrue) {
  const auto model = testing::open_tiny_model(kNetwork);
  const Workload workload = testing::paper_workload(32, 2, 2, 64);
  for (const Policy& policy : {Policy{.forbid = {Rung::stream, Rung::cpu}}, Policy{}}) {
    for (const auto& [host, first, second] :
         {std::tuple(mib(64), mib(6), mib(8)), std::tuple(mib(64), mib(2), mib(5)), std::tuple(mib(2), mib(8), mib(6))}) {
      const Plan plan = planned(*model, two_accelerators(host, first, second), workload, policy);
      const auto verdict = [&](const std::string& device, Bytes budget) {
        const Snapshot machine =
            two_accelerators(device == "cpu" ? budget : host, device == "sim:0" ? budget : first, device == "sim:1" ? budget : second);
        return planned(*model, machine, workload, policy).verdict;
      };
      for (const std::string device : {"sim:0", "sim:1", "cpu"}) {
        const Bytes least = least_of(plan, device);
        if (least.count == 0) continue;
        EXPECT_NE(verdict(device, least), Verdict::does_not_fit) << device;
        if (policy.forbid.empty()) continue;  // another device may do alone
        EXPECT_EQ(verdict(device, least - kPage), Verdict::does_not_fit) << device << " " << format_exact(least);
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll
