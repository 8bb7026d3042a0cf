#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <plimsoll/run_entry.h>

#include "session/engine.h"

namespace plimsoll::cli {

/// Tells `ps` and `top` of this run: what it has planned, what it has, and what it does. Where that cannot be told, nothing happens.
class RunNotice {
 public:
  /// `os` outlives the notice.
  explicit RunNotice(Os& os);

  /// "reading": the model's files, and the input. From here on nothing is asked of an engine or session that was given before.
  void reading(const std::string& model);
  /// "loading" of what was planned. The engine outlives the last call before the next `reading`.
  void loading(Engine& engine, const Plan& plan);
  /// The session that has the plan now; it outlives the last call of this.
  void loaded(const Session& session);
  /// "running" or "waiting": told at once if it is another.
  void enter(std::string_view phase);
  /// Tells how much memory is held by now, at most ten times a second.
  void beat(const Progress& progress);

 private:
  void tell();

  Os& os_;
  Engine* engine_ = nullptr;
  const Session* session_ = nullptr;
  std::unique_ptr<RunEntry> entry_;
  RunStatus status_;
  std::vector<Bytes> runtime_;  ///< of each device, which no ledger counts
  std::vector<Bytes> weights_;  ///< likewise, charged at once and loaded bit by bit
  double missing_ = 1;          ///< share of them that is yet to be loaded
  std::chrono::nanoseconds told_{0};
};

}  // namespace plimsoll::cli
