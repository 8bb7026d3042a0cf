#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <plimsoll/classifier.h>
#include <plimsoll/device.h>
#include <plimsoll/device_status.h>
#include <plimsoll/measure.h>
#include <plimsoll/plan.h>
#include <plimsoll/session.h>

#include "report/report.h"
#include "rows/row_source.h"
#include "session/context.h"

namespace plimsoll::cli {

/// As rates are filed: by the mount that an absolute path is on. Empty when there is no working folder to begin with.
std::string absolute_path(const std::string& path);

/// What `run`, `plan` and `bench` share: the machine, the ledger and the opened model. Made in the order in which they own memory.
class Engine {
 public:
  /// What one engine hands to the next when another model goes on.
  struct Handover {
    std::vector<std::unique_ptr<OpenDevice>> devices;
    Bytes held;  ///< of the process, by rows that wait
  };

  /// Reads headers and tables of `request`, no weights, within the machine's budget (`out_of_memory` beyond it). Prints the model's
  /// warnings. The context must outlive the engine. A failure leaves `handover` as it was, or has taken its devices.
  static Result<std::unique_ptr<Engine>> open(Context& context, const ModelRequest& request, Handover& handover);
  /// The same, with no engine before it.
  static Result<std::unique_ptr<Engine>> open(Context& context, const ModelRequest& request);
  /// The engine must go then.
  std::vector<std::unique_ptr<OpenDevice>> take_devices() { return std::move(devices_); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Model& model() const { return *model_; }
  const Snapshot& machine() const { return machine_; }
  Ledger& ledger() { return ledger_; }

  /// Tokens a text may have: --max-length, else the model's limit. `usage` when that is too long for the model.
  Result<std::int64_t> text_limit() const;
  /// Bytes a row may have, so that reading it stays small beside the budget.
  std::size_t row_limit() const;

  /// The first reading: what the rows ask for, keeping none of them. `rows` null: a plan for --batch-size texts of the limit.
  /// A stream is not read: its texts may be as long as the limit.
  Result<Workload> measure(RowSource* rows);
  /// What `measure` found, bad rows included; nothing for a stream.
  std::optional<std::int64_t> counted_rows() const { return counted_rows_; }

  /// Of these, how many cannot be used.
  std::int64_t unusable_rows() const { return unusable_rows_; }

  Result<Plan> plan(const Workload& workload) const;
  /// The error of a plan that does not fit; it names the largest other holders when it is the machine that has too little.
  Error refusal(const Plan& plan) const;
  /// Reserves the plan's memory and loads the weights; `does_not_fit` if the plan says so. The session plans again by itself when memory is
  /// short or comes back, and tells `event`, which may be empty. The engine outlives it.
  Result<Session> load(const Plan& plan, ProgressFunction progress, std::function<void(const SessionEvent&)> event = {});
  /// The least of the host's memory that the session which `load` made of `plan` can go on with: it keeps room for that plan's passes, and
  /// so needs a little more than another that begins. May be asked from any thread.
  Bytes least_to_go_on(const Plan& plan) const;
  const std::vector<std::unique_ptr<OpenDevice>>& devices() const { return devices_; }
  /// What became of each device beside the host.
  std::vector<DeviceFigures> device_figures() const;

 private:
  explicit Engine(Context& context) : context_(context), policy_(context.options.policy), ledger_("cpu", kUnknownMemory) {}
  void print_warnings() const;
  std::vector<Holder> holders_of(const std::string& device) const;
  Status check_simulated() const;
  Status open_devices();
  Result<std::vector<Accelerator>> describe_devices();
  Status open_gpus();
  Status open_gpu(int number, const DeviceReport& report);
  Result<Plan> plan_within(Bytes process, const Snapshot& machine, const Workload& workload) const;
  Result<Plan> plan_shared(Bytes process, const Snapshot& machine, const Workload& workload) const;
  Result<Plan> plan_on(const Snapshot& machine, const Workload& workload) const;
  Result<Plan> replan(const Workload& workload, std::span<const DeviceBytes> budgets);
  void limit_ledgers(const Plan& plan);

  Context& context_;
  Policy policy_;  ///< as asked for, with the modules of its device map
  Ledger ledger_;
  std::vector<std::unique_ptr<OpenDevice>> devices_;  ///< of machine_.accelerators
  std::optional<Model> model_;
  Snapshot machine_;
  std::optional<std::int64_t> counted_rows_;
  std::int64_t unusable_rows_ = 0;
  std::size_t longest_row_ = 0;  ///< of those that were measured and could be read
};

}  // namespace plimsoll::cli
