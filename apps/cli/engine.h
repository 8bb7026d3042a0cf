#pragma once

#include <memory>

#include <plimsoll/classifier.h>
#include <plimsoll/measure.h>
#include <plimsoll/plan.h>
#include <plimsoll/session.h>

#include "context.h"
#include "row_source.h"

namespace plimsoll::cli {

/// What `run`, `plan` and `bench` share: the machine, the ledger and the opened model. Made in the order in which they own memory.
class Engine {
 public:
  /// Reads headers and tables, no weights, within the machine's budget (`out_of_memory` beyond it). Prints the model's warnings.
  /// The context must outlive the engine.
  static Result<std::unique_ptr<Engine>> open(Context& context);
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
  Result<Workload> measure(RowSource* rows) const;

  Result<Plan> plan(const Workload& workload) const;
  /// The error of a plan that does not fit; it names the largest other holders when it is the machine that has too little.
  Error refusal(const Plan& plan) const;
  /// Reserves the plan's memory and loads the weights; `does_not_fit` if the plan says so.
  Result<Session> load(const Plan& plan, ProgressFunction progress);

 private:
  explicit Engine(Context& context) : context_(context), ledger_("cpu", kUnknownMemory) {}
  void print_warnings() const;

  Context& context_;
  Ledger ledger_;
  std::optional<Model> model_;
  Snapshot machine_;
};

}  // namespace plimsoll::cli
