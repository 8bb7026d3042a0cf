#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/cancel.h>
#include <plimsoll/event.h>
#include <plimsoll/plan.h>

#pragma GCC visibility push(default)

namespace plimsoll {

class OpenDevice;

/// Told after every loaded weight and every layer boundary of a pass. Must be quick; must not call the session.
struct Progress {
  std::string_view phase;  ///< "load" or "pass"
  std::string_view layer;  ///< the block just finished
  Bytes done;              ///< weight bytes loaded
  Bytes planned;           ///< weight bytes to load
  Bytes ledger;            ///< in arenas now
};
using ProgressFunction = std::function<void(const Progress&)>;

/// The tokens of one pass: whole texts, one after the other, without padding. Each array may be the session's own (Session::input_buffers),
/// or lie elsewhere; none lies in the place of another.
struct PassInput {
  std::span<const std::int32_t> ids;          ///< [tokens]
  std::span<const std::int32_t> type_ids;     ///< [tokens]
  std::span<const std::int32_t> text_starts;  ///< [texts + 1]: text b owns [text_starts[b], text_starts[b + 1])
};

/// Runs passes of a plan on memory that is reserved once. After `create` nothing is allocated, opened or created, unless the budget changes
/// or something fails: then the session plans again and moves to the new plan, keeping every text that is done. One thread at a time, but
/// for `set_budget` and `planned_total`.
class Session {
 public:
  struct Options {
    Os* os = nullptr;                       ///< needed
    Ledger* ledger = nullptr;               ///< needed
    const CancelToken* cancel = nullptr;    ///< may be null
    ProgressFunction progress = {};         ///< may be empty
    std::vector<OpenDevice*> devices = {};  ///< those of the snapshot that was planned for, in its order; they outlive the session
    /// Plans the same model and workload for other budgets, with Workload::held_* those of the plan that the session was created with; and
    /// sets the limits of the ledgers to that plan's arenas, if it set them before. `budgets` are those of the host and of each of
    /// `devices`, in this order: all that this process may have there. A plan of another model, workload or device is refused (`usage`).
    /// May be empty: then nothing is recovered. Called by the thread that creates or runs.
    std::function<Result<Plan>(std::span<const DeviceBytes> budgets)> replan = {};
    std::function<void(const SessionEvent&)> event = {};  ///< likewise, told of everything that was done so; may be empty
  };

  /// Reserves every arena of the plan, or none; creates threads and kernels; loads the weights. Where memory that was planned is gone,
  /// everything is given back and planned again, at most 4 times. Fails with usage for a plan that was made for a model of other sizes or
  /// types, out_of_memory, does_not_fit, io, corrupt_file, cancelled.
  /// `model`, os, ledger and cancel must outlive the session.
  static Result<Session> create(const Model& model, const Plan& plan, Options options);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// The present one. Not beside `run`, which may change it.
  const Plan& plan() const;

  /// What a device may hold for this process from now on, as the planner counts it; at first unlimited, and never more than it has. False:
  /// the session has no such device. Any thread; returns at once. Below the present plan's total there, memory is given back at the next
  /// layer boundary (an accelerator begins the pass anew); otherwise a faster plan is looked for before the next pass.
  bool set_budget(std::string_view device, Bytes budget);
  /// The host's.
  void set_budget(Bytes budget) { static_cast<void>(set_budget("cpu", budget)); }
  /// Of the present plan, on a device; zero for one that the session does not have. Any thread.
  Bytes planned_total(std::string_view device = "cpu") const;

  /// Gives memory back, or takes it, now instead of with the next `run`. Fails with does_not_fit, the session as it was, and as `run` does.
  /// Called from within a call of this session, by what it tells or asks, it does nothing.
  Status fit_budget();

  /// One pass: logits [texts, labels], float32, row-major, valid until the next call. Ids are checked against the vocabulary, sizes
  /// against the plan that the session was created with (`usage`); a pass that the present plan has no room for is run in parts. A read,
  /// copy or launch that failed is tried once more; a device that fails again, or is lost, is not used any more. Fails with io,
  /// corrupt_file, cancelled, internal, device_lost where there is no way without the device, and with does_not_fit or out_of_memory when
  /// the budget is too small for any plan: the session can run again once it has risen.
  Result<std::span<const float>> run(const PassInput& input);

  /// The planned `io` memory, for texts and tokens of a pass.
  std::span<std::byte> io();
  /// The pass's own token arrays, inside the planned arenas: [tokens_per_pass], and [texts_per_pass + 1], of the plan that the session was
  /// created with. They stay where they are, like `io`.
  struct InputBuffers {
    std::span<std::int32_t> ids;
    std::span<std::int32_t> type_ids;
    std::span<std::int32_t> text_starts;
  };
  InputBuffers input_buffers();

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll

#pragma GCC visibility pop
