#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/plan.h>

namespace plimsoll {

/// Set from any thread (or a signal handler) to stop at the next step; the call in progress then fails with `cancelled`.
class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

/// Told after every loaded weight and every layer boundary of a pass. Must be quick; must not call the session.
struct Progress {
  std::string_view phase;  ///< "load" or "pass"
  std::string_view layer;  ///< the block just finished
  Bytes done;              ///< weight bytes loaded
  Bytes planned;           ///< weight bytes to load
  Bytes ledger;            ///< in arenas now
};
using ProgressFunction = std::function<void(const Progress&)>;

/// The tokens of one pass: whole texts, one after the other, without padding.
struct PassInput {
  std::span<const std::int32_t> ids;          ///< [tokens]
  std::span<const std::int32_t> type_ids;     ///< [tokens]
  std::span<const std::int32_t> text_starts;  ///< [texts + 1]: text b owns [text_starts[b], text_starts[b + 1])
};

/// Runs passes of a plan on memory that is reserved once. After `create` nothing is allocated, opened or created. One
/// thread at a time.
class Session {
 public:
  struct Options {
    Os* os = nullptr;
    Ledger* ledger = nullptr;
    const CancelToken* cancel = nullptr;  ///< may be null
    ProgressFunction progress;            ///< may be empty
  };

  /// Reserves every arena of the plan, or none; creates threads and kernels; loads the weights. Fails with out_of_memory,
  /// io, corrupt_file, cancelled. `model`, os, ledger and cancel must outlive the session.
  static Result<Session> create(const Model& model, const Plan& plan, Options options);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const Plan& plan() const;

  /// One pass: logits [texts, labels], float32, row-major, valid until the next call. Ids are checked against the
  /// vocabulary, sizes against the plan (`usage`). Fails with cancelled or internal.
  Result<std::span<const float>> run(const PassInput& input);

  /// The planned `io` memory, for texts and tokens of a pass.
  std::span<std::byte> io();
  /// The pass's own token arrays, inside the planned arenas: [tokens_per_pass], and [texts_per_pass + 1].
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
