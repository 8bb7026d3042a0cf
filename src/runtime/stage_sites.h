#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <plimsoll/device.h>
#include <plimsoll/session.h>

#include "device/cpu/isa.h"
#include "runtime/device_arenas.h"
#include "runtime/runner.h"

namespace plimsoll {

/// Where a plan of several stages runs: memory and kernels of each device that takes part, the program of each stage.
class StageSites {
 public:
  struct Options {
    Os* os = nullptr;
    const Ledger* ledger = nullptr;
    const Model* model = nullptr;
    const Plan* plan = nullptr;
    const Reservation* host = nullptr;  ///< fitted to the plan
    ThreadPool* pool = nullptr;
    CpuFeatures features;
    const CancelToken* cancel = nullptr;         ///< may be null
    const ProgressFunction* progress = nullptr;  ///< told of the load; may be null
    std::vector<OpenDevice*> devices = {};       ///< those of plans, from number 1 on
    Bytes touched = {};                          ///< of each `staging` arena, by loading the plan
  };
  /// Takes the memory of every device and makes its kernels. All that the options point to outlives it. Fails with out_of_memory.
  static Result<std::unique_ptr<StageSites>> create(Options options);

  /// What the devices took of the host's memory and loading does not touch.
  Bytes fresh() const { return fresh_; }
  /// Brings in the weights of all stages; `come_to` is told how far that is.
  Status load(const std::function<void(const Moment&)>& come_to);
  /// The sites outlive it.
  Result<std::unique_ptr<Runner>> make_runner() const;

 private:
  /// A device at work.
  struct Site {
    OpenDevice* device = nullptr;  ///< null: the host
    DeviceArenas arenas;
    std::unique_ptr<Stream> stream;
    std::unique_ptr<Kernels> kernels;
  };

  explicit StageSites(Options options) : options_(std::move(options)) {}
  Status open(std::int32_t device, const WorkspaceNeeds& needs);
  const Site& site(const Stage& stage) const { return *sites_[static_cast<std::size_t>(stage.schedule.device)]; }
  const std::vector<Stage>& stages() const { return *options_.plan->stages; }

  Options options_;
  std::vector<std::unique_ptr<Site>> sites_;  ///< by the number of the device; null: takes no part
  std::vector<Program> programs_;             ///< by stage
  Bytes fresh_;
};

}  // namespace plimsoll
