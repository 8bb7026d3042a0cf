#include "plan/estimate.h"

#include <gtest/gtest.h>

#include <numeric>

#include "plan/cost.h"
#include "planned_model.h"

namespace plimsoll {
namespace {

using testing::TinyModel;

TEST(Estimate, IsWhatLayingOutEachCandidateGives) {
  std::size_t compared = 0;
  for (const TinyModel& tiny :
       {TinyModel{}, TinyModel{.hidden = 72, .layers = 3, .heads = 1, .intermediate = 200, .words = 2000, .labels = 70},
        TinyModel{.hidden = 8, .layers = 1, .heads = 2, .labels = 1, .dtype = "BF16"}}) {
    const auto model = testing::open_tiny_model(tiny);
    for (const bool native : {false, true}) {
      const DeviceDescription device = describe_cpu(testing::paper_machine(mib(64), native), model->program());
      Policy policy;
      policy.allow = {Rung::float16, Rung::bfloat16};
      policy.dtype = ElementType::float32;
      for (const Workload& workload : {testing::paper_workload(20), testing::paper_workload(20, 6), testing::paper_workload(7, 0, 9, 40)}) {
        const LayoutRequest request{&model->program(), &model->binding(), &device, workload, model->table_bytes(), 0};
        Estimator estimator(request);
        for (const Candidate& candidate : candidates(model->program(), model->binding(), workload, policy, native)) {
          const Estimate estimate = estimator.estimate(candidate);
          const Layout layout = lay_out(request, candidate);
          EXPECT_EQ(estimate.arenas, layout.arena_total());
          const auto seconds = block_seconds(model->program(), layout, candidate, workload, device);
          EXPECT_DOUBLE_EQ(estimate.seconds, std::accumulate(seconds.begin(), seconds.end(), 0.0));
          ++compared;
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
    const LayoutRequest request{&model->program(), &model->binding(), &device, workload, {}, 0};
    Estimator estimator(request);
    double previous = 0;
    for (const Candidate& candidate : candidates(model->program(), model->binding(), workload, {}, false)) {
      const double seconds = workload_seconds(estimator.estimate(candidate).seconds, candidate, workload);
      EXPECT_GE(seconds, previous) << candidate.tokens_per_pass << " tokens, " << candidate.texts_per_pass << " texts";
      previous = seconds;
    }
  }
}

}  // namespace
}  // namespace plimsoll
