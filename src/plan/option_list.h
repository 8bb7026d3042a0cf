#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include <plimsoll/cancel.h>
#include <plimsoll/plan.h>

#include "plan/candidates/description.h"
#include "plan/stages/device_map.h"
#include "plan/stages/option.h"
#include "plan/stages/split.h"

namespace plimsoll {

inline constexpr Bytes kNoLimit{std::numeric_limits<std::uint64_t>::max()};

/// All ways to run a model on a machine that a policy permits, each with its bytes and seconds. Which they are depends on no budget, but
/// where the fastest way fits on no device alone, or a map says to fill devices: then ways that budgets make are among them.
class OptionList {
 public:
  /// All outlive the list; `cancel` may be null.
  OptionList(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy, const CancelToken* cancel);

  /// Lists them: at least one, unless it is cancelled. Fails with `usage` where the policy names what there is not.
  Status list();

  const std::vector<DeviceDescription>& devices() const { return devices_; }  ///< 0 the host
  const DeviceDescription& device(std::int32_t d) const { return devices_[static_cast<std::size_t>(d)]; }
  const Budgets& budgets() const { return budgets_; }
  const std::vector<LayoutRequest>& requests() const { return requests_; }  ///< by the device that computes
  const std::vector<Option>& options() const { return options_; }
  const CancelToken* cancel() const { return cancel_; }

  /// The best that fits, as the policy ranks them; null where none does.
  const Option* best(const Budgets& budgets) const;
  /// Of all, whether they fit or not.
  const Option& best_of_all() const { return *best(Budgets(devices_.size(), kNoLimit)); }
  /// What comes nearest to fitting: the least missing in all.
  const Option& nearest() const;

  /// Whether budgets decide what goes where, so that less of one device may do than any listed way takes of it.
  bool is_made_by_budgets() const { return is_filled() || splitter_ != nullptr; }
  /// Whether what has no place on a device is not streamed to another instead.
  bool leaves_nothing_over() const { return is_filled() || forbids(policy_, Rung::stream) || !policy_.use_disk; }
  /// Where they do: whether anything comes of these, as far as can be told without planning with them.
  bool is_possible(const Budgets& budgets);
  /// Likewise, with planning: what is possible by sums over parts of a deep program may not be to the byte.
  bool is_certain(const Budgets& budgets);

 private:
  bool any_device() const { return policy_.device.empty() || policy_.device == "auto"; }
  bool may_compute(std::int32_t d) const;
  bool native_bfloat16(const std::vector<BlockPlace>& places) const;
  bool native_bfloat16_everywhere() const;
  std::vector<Candidate> for_all_blocks(bool native) const;
  std::int64_t steps_to_try() const;
  Budgets arenas_within(const Budgets& budgets) const;
  Budgets arenas_to_fill(const Budgets& budgets) const;
  void evaluate(std::int32_t d);
  Status follow_map();
  void divide();
  void fill();
  bool is_filled() const;
  bool is_possible(const Candidate& shared, const Budgets& budgets);
  bool is_smallest_pass(const Candidate& dividable) const;
  Option option_of(std::vector<StageChoice> stages);
  void add(std::vector<StageChoice> stages) { options_.push_back(option_of(std::move(stages))); }
  bool better(const Option& a, const Option& b) const;

  const Model& model_;
  const Workload& workload_;
  const Policy& policy_;
  const CancelToken* cancel_;
  std::vector<DeviceDescription> devices_;
  Budgets budgets_;
  std::vector<LayoutRequest> requests_;
  StageEstimator estimator_{requests_};
  std::unique_ptr<Splitter> splitter_;  // where it was worth while
  std::vector<Candidate> dividable_;    // what it divided, or what devices were filled with
  std::vector<Option> options_;
};

}  // namespace plimsoll
