// A thousand random models, machines, budgets, batches and events: those for which a brute force finds a plan give the right answers, the
// rest are refused, and the budgets that refusals name then do.
#include <algorithm>

#include <gtest/gtest.h>

#include "scenarios/brute_force.h"
#include "scenarios/seeded_case.h"
#include "support/build.h"

namespace plimsoll::testing {
namespace {

constexpr std::uint64_t kGroups = 40;
constexpr std::uint64_t kCases = 25;
constexpr std::uint64_t kStride = kSanitized ? 8 : 1;

/// Runs one case and checks it.
class CaseRunner {
 public:
  explicit CaseRunner(std::uint64_t seed) : case_(seed), os_(make_os(gate_)) {}

  void run() {
    const auto reference = run_model(*os_, case_.reference());
    ASSERT_TRUE(reference.ok()) << message(reference.error());
    expected_ = reference->logits;
    const auto result = attempt(case_.request());
    ASSERT_EQ(result.ok(), exists_) << (result.ok() ? "no plan was found by brute force" : message(result.error())) << "\n"
                                    << case_.description();
    if (result.ok()) check_answers(*result);
    else check_refusal(result.error());
  }

  bool exists() const { return exists_; }

 private:
  // Whether there is a plan is looked for from what the planner was given.
  Result<RunResult> attempt(RunRequest request) {
    request.planned = [this](const Model& model, const Snapshot& machine, const Workload& workload, const Plan& plan) {
      exists_ = BruteForce(model, machine, workload, model_policy()).finds_plan();
      if (!exists_ || !case_.has_event() || plan.verdict == Verdict::does_not_fit) return;
      Workload held = workload;
      held.held_tokens = plan.tokens_per_pass;
      held.held_texts = plan.texts_per_pass;
      exists_ = BruteForce(model, case_.after_event(machine), held, model_policy()).finds_plan();
    };
    return run_model(*os_, request);
  }

  Policy model_policy() const { return case_.request().policy; }

  void check_answers(const RunResult& result) const {
    ASSERT_EQ(result.logits.size(), expected_.size());
    const bool narrowed = std::ranges::any_of(result.plan.sacrifices, [](const Sacrifice& sacrifice) {
      return sacrifice.rung == Rung::bfloat16 || sacrifice.rung == Rung::float16;
    });
    if (!narrowed && !case_.may_narrow()) {
      EXPECT_TRUE(result.logits == expected_) << "not the same bits\n" << case_.description();
    }
    for (std::size_t i = 0; i < result.logits.size(); ++i) {
      for (std::size_t k = 0; k < result.logits[i].size(); ++k)
        EXPECT_NEAR(result.logits[i][k], expected_[i][k], 0.2) << case_.description();
    }
    if (case_.has_event()) return;
    EXPECT_EQ(result.ledger_peak, result.plan.devices.front().arena_total()) << case_.description();
    for (std::size_t d = 0; d < result.device_peaks.size(); ++d)
      EXPECT_EQ(result.device_peaks[d], result.plan.devices[d + 1].arenas) << case_.description();
  }

  void check_refusal(const Error& error) {
    const bool lost = case_.loses_a_device() && error.code == ErrorCode::device_lost;
    EXPECT_TRUE(exit_code(error.code) == 6 || lost) << message(error) << "\n" << case_.description();
    if (case_.has_event()) return;
    ASSERT_TRUE(error.memory);
    for (const DeviceBytes& least : error.memory->smallest_budget) {
      const auto result = run_model(*os_, case_.with_budget(least));
      ASSERT_TRUE(result.ok()) << least.device << " " << format_bytes(least.bytes) << " was named: " << message(result.error()) << "\n"
                               << case_.description();
      check_answers(*result);
    }
  }

  SeededCase case_;
  Gate gate_;
  std::unique_ptr<Os> os_;
  std::vector<std::vector<float>> expected_;
  bool exists_ = false;
};

class SeededCases : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(SeededCases, AreAnsweredWhereverThereIsAPlan) {
  std::uint64_t answered = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t seed = GetParam() * kCases; seed < (GetParam() + 1) * kCases; seed += kStride) {
    SCOPED_TRACE(seed);
    CaseRunner runner(seed);
    runner.run();
    if (HasFatalFailure()) return;
    ++(runner.exists() ? answered : refused);
  }
  RecordProperty("answered", static_cast<int>(answered));
  RecordProperty("refused", static_cast<int>(refused));
  EXPECT_TRUE((answered > 0 && refused > 0) || kStride > 1) << "or nothing was tested";
}

INSTANTIATE_TEST_SUITE_P(All, SeededCases, ::testing::Range<std::uint64_t>(0, kGroups));

}  // namespace
}  // namespace plimsoll::testing
