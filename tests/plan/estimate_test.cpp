#include "plan/cost/estimate.h"

#include <gtest/gtest.h>

#include "all_candidates.h"
#include "device/cpu/cpu_kernels.h"
#include "device/cuda/cuda_figures.h"
#include "plan/cost/cost.h"
#include "plan/stages/stages.h"
#include "planned_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

TEST(Estimate, IsWhatLayingOutEachCandidateGives) {
  std::size_t compared = 0;
  for (const TinyModel& tiny :
       {TinyModel{}, TinyModel{.hidden = 72, .layers = 7, .heads = 1, .intermediate = 200, .words = 2000, .labels = 70},
        TinyModel{.hidden = 8, .layers = 1, .heads = 2, .labels = 1, .dtype = "BF16"}}) {
    const auto model = testing::open_tiny_model(tiny);
    for (const bool native : {false, true}) {
      const Snapshot machine = testing::paper_machine(mib(64), native);
      const DeviceDescription device = describe_cpu(machine, model->program());
      const DeviceDescription accelerator = describe_accelerator(machine, testing::paper_accelerator(mib(64)));
      Policy policy;
      policy.allow = {Rung::float16, Rung::bfloat16};
      policy.dtype = ElementType::float32;
      for (const Workload& workload : {testing::paper_workload(20), testing::paper_workload(20, 6), testing::paper_workload(7, 0, 9, 40)}) {
        for (const DeviceDescription* computing : {&device, &accelerator}) {
          const std::int32_t number = computing == &device ? 0 : 1;
          std::vector<LayoutRequest> requests;
          for (const DeviceDescription* one : {&device, &accelerator})
            requests.push_back({&model->program(), &model->binding(), one, &device, workload, model->table_bytes(), 0});
          const LayoutRequest& request = requests[static_cast<std::size_t>(number)];
          StageEstimator estimator(requests);
          for (const Candidate& candidate :
               candidates(model->program(), model->binding(), workload, policy, native && number == 0, number)) {
            const StagedFigures estimate = estimator.estimate({{0, std::ssize(model->program().blocks), candidate}});
            const Layout layout = lay_out(request, candidate);
            EXPECT_EQ(estimate.arenas[0], layout.arena_total());
            EXPECT_EQ(estimate.arenas[1], number > 0 ? layout.arena_total(1) : Bytes{});
            EXPECT_DOUBLE_EQ(estimate.pass_seconds, pass_seconds(request, layout.schedule, candidate));
            ++compared;
          }
        }
      }
    }
  }
  EXPECT_GT(compared, 200U);
}

TEST(WorkloadSeconds, ALargerPassIsNeverPredictedToBeSlower) {
  const auto model = testing::open_tiny_model(TinyModel{});
  const DeviceDescription device = describe_cpu(testing::paper_machine(), model->program());
  for (const Workload& workload :
       {testing::paper_workload(16, 8, 40, 130), testing::paper_workload(16, 8), testing::paper_workload(20, 0, 300, 5000),
        testing::paper_workload(16, 8, 8, 20), testing::paper_workload(64, 5, 7, 64)}) {
    const std::vector<LayoutRequest> requests = {{&model->program(), &model->binding(), &device, &device, workload, {}, 0}};
    StageEstimator estimator(requests);
    double previous = 0;
    const Policy resident{.forbid = {Rung::stream, Rung::gather}};
    for (const Candidate& candidate : candidates(model->program(), model->binding(), workload, resident, false)) {
      const double pass = estimator.estimate({{0, std::ssize(model->program().blocks), candidate}}).pass_seconds;
      const double seconds = workload_seconds(pass, candidate, workload);
      EXPECT_GE(seconds, previous) << candidate.tokens_per_pass << " tokens, " << candidate.texts_per_pass << " texts";
      previous = seconds;
    }
  }
}

/// A simulated device computes with the host's kernels; another has its own workspace, and reads weights as the file has them.
TEST(Describe, DevicesWithKernelsOfTheirOwnKeepRows) {
  const Snapshot machine = testing::paper_machine(mib(1024));
  Accelerator accelerator = testing::paper_accelerator(mib(1024));
  const WorkspaceNeeds needs{.largest_inputs = 4096, .longest_text = 512, .head_dim = 64, .threads = 2};
  const DeviceDescription simulated = describe_accelerator(machine, accelerator);
  EXPECT_TRUE(simulated.packs_weights);
  EXPECT_EQ(simulated.workspace_bytes(needs), cpu_workspace_bytes(needs));
  accelerator.computes_on_host = false;
  const DeviceDescription own = describe_accelerator(machine, accelerator);
  EXPECT_FALSE(own.packs_weights);
  EXPECT_EQ(own.workspace_bytes(needs), cuda_workspace_bytes(needs));
}

}  // namespace
}  // namespace plimsoll
