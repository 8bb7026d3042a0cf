#pragma once

#include <atomic>
#include <limits>
#include <string_view>
#include <vector>

#include <plimsoll/session.h>

#include "recover/remedy.h"
#include "runtime/deployment.h"

namespace plimsoll {

/// Keeps a deployment within budgets that change, and brings it up again after memory could not be had or a device failed: the deficit
/// lowers the budget, a device that is gone has none, the session's `replan` plans again, the deployment moves. Devices go by their number
/// in Plan::devices: 0 the host. Used by the thread that runs, but where said otherwise.
class Elastic {
 public:
  /// All outlive it. `options.replan` may be empty: then failures are final.
  Elastic(Deployment& deployment, const Session::Options& options);

  /// Reserves and loads for the first plan.
  Status open(const Plan& plan);

  /// Any thread. Nothing, and zero, for a device that there is not.
  bool set_budget(std::string_view device, Bytes budget);
  Bytes planned_total(std::string_view device) const;

  /// True when the present plan is above a budget.
  bool must_shed() const;

  /// Moves to a plan within the budgets, ready to go on with `block` of the pass in progress: true; or false: its values are lost, and it
  /// is ready to begin anew. Fails with does_not_fit, the deployment as it was.
  Result<bool> shed(std::int32_t block);

  /// Between passes: ready again after a failure, within the budgets, and with a faster plan if a budget has changed and allows one.
  Status before_pass();

  /// After a pass that failed: ready to begin it again, with the same plan or another. Fails with the error where there is no way, or with
  /// that of the way that was tried.
  Status recover(const Error& failure);
  /// What fails from now on is another failure.
  void begin();

 private:
  /// What this session may have of a device and what its plan takes there.
  struct Share {
    std::string name;
    std::atomic<Bytes> budget{kUnlimited};
    std::atomic<Bytes> planned{Bytes{}};
    Bytes looked_with = kUnlimited;  ///< the budget that a faster plan was looked for with
    bool failed = false;             ///< a copy or launch, since `begin`
    bool gone = false;               ///< not used again
  };
  using Budgets = std::vector<DeviceBytes>;

  Budgets budgets(Bytes host_free);
  /// What a plan has.
  Budgets taken(const Plan& plan) const;
  /// Of the host's memory, what others have not.
  Bytes host_free() const;
  Bytes available(std::size_t device);
  Result<Plan> plan_for(const Budgets& budgets) const;
  Result<Plan> plan_after(const Plan& failed, const Error& error, SessionEvent::Kind kind, bool last);
  Result<Plan> plan_without(std::size_t device, Budgets budgets, const Error& error) const;
  Result<bool> settle(Plan target, std::int32_t block, SessionEvent::Kind kind);
  Status settle(Plan target, SessionEvent::Kind kind);
  Status grow(std::size_t device);
  Status go_back(const Plan& before);
  Status bring_up();
  void tell_of_neighbours();
  void tell_of_pageable();
  void settled(const Plan& plan);
  void tell(SessionEvent event, Bytes requested, Bytes free) const;
  void tell_change(SessionEvent::Kind kind, const Error& error, const Plan& before, const Plan& after) const;
  void tell_recovered(std::string text, const Error& failure) const;
  std::string of_device(std::size_t device) const { return device == 0 ? "" : " of " + shares_[device].name; }

  static constexpr Bytes kUnlimited{std::numeric_limits<std::uint64_t>::max()};

  Deployment& deployment_;
  const Session::Options& options_;
  std::vector<Share> shares_;
  int failures_ = 0;          ///< since `begin`
  bool begun_again_ = false;  ///< the pass, under the present plan
};

}  // namespace plimsoll
