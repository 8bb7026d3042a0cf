#pragma once

#include <memory>
#include <vector>

#include <plimsoll/device.h>
#include <plimsoll/session.h>

#include "device/cpu/isa.h"
#include "device/device.h"
#include "platform/thread_pool.h"
#include "runtime/device_arenas.h"
#include "runtime/host_pins.h"
#include "runtime/reservation.h"
#include "runtime/runner.h"
#include "runtime/stage_sites.h"

namespace plimsoll {

/// A plan with everything that it runs on: memory, threads, kernels, loaded weights, the ring. Moves from one plan to another and keeps
/// what both have.
class Deployment {
 public:
  struct Options {
    Os* os = nullptr;
    Ledger* ledger = nullptr;
    const Model* model = nullptr;
    const CancelToken* cancel = nullptr;         ///< may be null
    const ProgressFunction* progress = nullptr;  ///< told of the first load; may be null
    std::vector<OpenDevice*> devices = {};       ///< those of plans, from number 1 on
  };
  /// Creates the threads of `plan` and of all that follow it. No memory yet.
  static Result<std::unique_ptr<Deployment>> create(const Options& options, const Plan& plan);

  /// Moves to `plan`, ready for a pass that begins with block `first_block`. Weights that have the same form and place in both plans stay,
  /// but on an accelerator only where the arena keeps its size; others are loaded. Values on the host keep their bytes as far as both plans
  /// have room. Fails with out_of_memory, io, corrupt_file, device_lost, cancelled; then it is not ready, and moving to any plan is the way
  /// out.
  Status move_to(const Plan& plan, std::int32_t first_block = 0);
  /// Gives memory back, all but pass values and `io`. Not ready then. Needs no memory.
  void release();
  /// Devices whose copies became pageable since it was asked last.
  std::vector<HostPins::Refusal> take_pin_refusals() { return pins_.take_refusals(); }
  bool ready() const { return runner_ != nullptr; }
  Os* os() const { return options_.os; }
  const Model& model() const { return *options_.model; }
  const std::vector<OpenDevice*>& devices() const { return options_.devices; }
  /// Tells all devices how far the session has come.
  void come_to(const Moment& moment) const;

  /// The one that was moved to last, also without success.
  const Plan& plan() const { return plan_; }
  const Reservation& reservation() const { return reservation_; }
  StepBuilder steps() const { return {options_.model->program(), *plan_.schedule, reservation_}; }
  /// Only when ready.
  Runner& runner() { return *runner_; }

 private:
  explicit Deployment(const Options& options) : options_(options), reservation_(*options.os, *options.ledger) {}
  OpenDevice* device() const;
  Status move_to_stages(std::int32_t first_block);
  Result<Bytes> fit_device();
  void wait_for_readers() const;
  Status check_headroom_for(Bytes fresh, std::size_t staged) const;
  Status make_kernels();
  Result<std::unique_ptr<Runner>> make_runner() const;
  Status load();
  void forget_what_moves();
  void forget_device();

  Options options_;
  Plan plan_;
  Bytes touched_;  ///< of each `staging` arena, by loading the plan
  Reservation reservation_;
  DeviceArenas device_arenas_;
  HostPins pins_;  ///< of the reservation; after what they pin, before what copies
  std::unique_ptr<ThreadPool> pool_;
  CpuFeatures features_{};
  std::unique_ptr<Kernels> kernels_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<StageSites> sites_;  ///< of a plan of several stages, which has them in place of the three above
  std::unique_ptr<Runner> runner_;
  std::vector<PlannedWeight> loaded_;  ///< by WeightId: what its place holds; home disk: nothing
  std::int32_t loaded_on_ = 0;         ///< the number of the device that those with home device are on
};

}  // namespace plimsoll
