#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "session/context.h"
#include "session/engine.h"

namespace plimsoll::cli {

/// The models that may answer, in the order in which they are asked: MODEL, then every --fallback unless the rung is forbidden.
class ModelChain {
 public:
  /// `context` outlives the chain.
  explicit ModelChain(Context& context);

  /// Looks at every fallback, then opens MODEL, or the first fallback that has room for its tables where MODEL has none. `usage` for a
  /// fallback with other labels, another kind of scores or another task (--fallback-any-labels permits it), too short a limit for
  /// --max-length, or other modules than those of --device-map; its own error for one that cannot be opened. One whose tables find no room
  /// can never answer: a warning, and it is left out.
  Result<std::unique_ptr<Engine>> open();

  /// True when `next` has something to say: there are fallbacks, and `error` is about memory.
  bool goes_on_after(const Error& error) const;

  /// Gives back `engine` and opens the next model that has room for its tables; `refusal` is why `plan` does not do, `held` what
  /// rows that wait take of the process. With none left fails with does_not_fit, naming the smallest budget of each.
  Result<std::unique_ptr<Engine>> next(std::unique_ptr<Engine> engine, const Plan& plan, const Error& refusal, Bytes held);

  /// Whether models were refused that `event` has not told of.
  bool has_news() const { return told_ < refusals_.size(); }
  /// What became of models since it was last told, as a line and an event: `first` is the row from which on the present one answers.
  SessionEvent event(std::int64_t first);
  /// The plan of the present model, with the rung where it is not the first one. Fails as Engine::plan.
  Result<Plan> plan(const Engine& engine, const Workload& workload) const;

 private:
  struct Refusal {
    std::string model;
    Error error;
    Bytes planned;
    std::vector<DeviceBytes> smallest;
  };

  void mark(Plan& plan) const;
  bool has_next() const { return at_ + 1 < models_.size(); }
  Status compare_answers();
  Status look_at(const ModelRequest& request) const;
  Status check_map(const Model& model) const;
  Status leave_out_what_finds_no_room();
  Result<std::unique_ptr<Engine>> open_present(Engine::Handover& handover);
  Result<std::unique_ptr<Engine>> open_next(Refusal refused, Engine::Handover& handover);
  Error all_refused() const;

  Context& context_;
  std::vector<ModelRequest> models_;
  AnswerKind wanted_;  ///< MODEL's
  std::size_t at_ = 0;
  std::vector<Refusal> refusals_;
  std::size_t told_ = 0;  ///< of them
};

}  // namespace plimsoll::cli
