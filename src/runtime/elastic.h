#pragma once

#include <atomic>
#include <limits>

#include <plimsoll/session.h>

#include "runtime/deployment.h"

namespace plimsoll {

/// Keeps a deployment within a budget that changes, and brings it up again after memory could not be had: the deficit lowers the budget,
/// the session's `replan` plans again, the deployment moves. Used by the thread that runs, but where said otherwise.
class Elastic {
 public:
  /// All outlive it. `options.replan` may be empty: then failures are final.
  Elastic(Deployment& deployment, const Session::Options& options) : deployment_(deployment), options_(options) {}

  /// Reserves and loads for the first plan.
  Status open(const Plan& plan);

  /// Any thread.
  void set_budget(Bytes budget) { budget_ = budget; }
  Bytes planned_total() const { return planned_total_; }

  /// True when the present plan is above the budget.
  bool must_shed() const { return budget_.load() < planned_total_.load(); }

  /// Moves to a plan within the budget, ready to go on with `block` of the pass in progress: true; or false: its values are lost, and it
  /// is ready to begin anew. Fails with does_not_fit, the deployment as it was.
  Result<bool> shed(std::int32_t block);

  /// Between passes: ready again after a failure, within the budget, and with a faster plan if the budget has changed and allows one.
  Status before_pass();

  /// Tells of a failure that was made good without another plan.
  void tell_recovered(std::string text, const Error& failure) const;

 private:
  Result<Plan> plan_for(Bytes budget) const;
  Result<Plan> plan_after(const Plan& failed, const Error& error, SessionEvent::Kind kind);
  Result<bool> settle(Plan target, std::int32_t block, SessionEvent::Kind kind);
  Status grow(Bytes budget);
  Status bring_up();
  void tell(SessionEvent event, Bytes requested, Bytes free) const;

  static constexpr Bytes kUnlimited{std::numeric_limits<std::uint64_t>::max()};

  Deployment& deployment_;
  const Session::Options& options_;
  std::atomic<Bytes> budget_{kUnlimited};
  std::atomic<Bytes> planned_total_{Bytes{}};
  Bytes looked_with_ = kUnlimited;  ///< the budget that a faster plan was looked for with
};

}  // namespace plimsoll
