#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "session/context.h"
#include "session/engine.h"

namespace plimsoll::cli {

/// What must be the same of a model's answers and of those that stand in for them.
struct AnswerKind {
  std::string name;
  std::string task;
  ScoreRule score_rule;
  std::vector<std::string> labels;
};

/// The models that may answer, in the order in which they are asked: MODEL, then every --fallback unless the rung is forbidden.
class ModelChain {
 public:
  /// `context` outlives the chain.
  explicit ModelChain(Context& context);

  /// Opens MODEL and looks at every fallback: `usage` for one with other labels, another kind of scores or another task
  /// (--fallback-any-labels permits it) or too short a limit for --max-length; its own error for one that cannot be opened. One whose
  /// tables find no room can never answer: a warning, and it is left out.
  Result<std::unique_ptr<Engine>> open();

  /// True when `next` has something to say: there are fallbacks, and `error` is about memory.
  bool goes_on_after(const Error& error) const;

  /// Gives back `engine` and opens the next model that has room for its tables; `refusal` is why `plan` does not do, `held` the bytes of
  /// rows that wait. With none left fails with does_not_fit, naming the smallest budget of each.
  Result<std::unique_ptr<Engine>> next(std::unique_ptr<Engine> engine, const Plan& plan, const Error& refusal, Bytes held);

  /// What `next` did since it was last told, as a line and an event: `first` is the row from which on the present model answers.
  SessionEvent event(std::int64_t first);
  /// Adds the rung to a plan of a model that is not the first one.
  void mark(Plan& plan) const;

 private:
  struct Refusal {
    std::string model;
    Error error;
    Bytes planned;
    std::vector<DeviceBytes> smallest;
  };

  bool has_next() const { return at_ + 1 < models_.size(); }
  Result<AnswerKind> look_at(const ModelRequest& request) const;
  Error all_refused() const;

  Context& context_;
  std::vector<ModelRequest> models_;
  std::size_t at_ = 0;
  std::vector<Refusal> refusals_;
  std::size_t told_ = 0;  ///< of them
};

}  // namespace plimsoll::cli
