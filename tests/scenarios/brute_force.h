#pragma once

#include <vector>

#include "plan/candidates/description.h"
#include "plan/stages/option.h"

namespace plimsoll::testing {

/// Whether there is any plan at all: every placement is tried, on every device and divided in every way, without the planner's orders and
/// shortcuts. Only for few blocks. What a placement takes is the planner's figure, which ledgers prove to the byte.
class BruteForce {
 public:
  /// All outlive it. Budgets are those of `machine`.
  BruteForce(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy);
  bool finds_plan();

 private:
  bool may_compute(std::int32_t device) const;
  bool fits(const std::vector<StageChoice>& stages);
  std::vector<Candidate> smallest_passes(bool native_bfloat16) const;
  std::vector<Candidate> placements(const Candidate& shared, std::int32_t device, std::int64_t first, std::int64_t count) const;
  bool fits_whole(std::int32_t device);
  bool fits_divided(const Candidate& shared, const std::vector<StageChoice>& stages, std::int64_t first);

  const Model& model_;
  const Workload& workload_;
  const Policy& policy_;
  std::vector<DeviceDescription> devices_;
  std::vector<LayoutRequest> requests_;
  Budgets budgets_;
  std::vector<bool> streamable_;  ///< by block
  bool has_table_ = false;
  StageEstimator estimator_{requests_};
};

}  // namespace plimsoll::testing
