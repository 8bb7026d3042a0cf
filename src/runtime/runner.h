#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <type_traits>
#include <variant>

#include <plimsoll/cancel.h>
#include <plimsoll/model.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>

#include "device/device.h"
#include "plan/layout/schedule.h"
#include "platform/thread_pool.h"
#include "runtime/reservation.h"
#include "runtime/step_builder.h"

namespace plimsoll {

/// Told the name of each block at its end. False: stop here.
using LayerFunction = std::function<bool(std::string_view)>;

/// What passes run on, wherever they are computed. All of it outlives the runner.
struct RunnerOptions {
  Os* os = nullptr;
  const Model* model = nullptr;
  const Schedule* schedule = nullptr;
  const Reservation* host = nullptr;
  Kernels* kernels = nullptr;  ///< of the device that computes
  Stream* stream = nullptr;    ///< likewise
  ThreadPool* pool = nullptr;
  const CancelToken* cancel = nullptr;  ///< may be null
  const Program* stage = nullptr;       ///< what the schedule is of; null: the model's program
  std::int32_t first_block = 0;         ///< of the stage

  const Program& program() const { return stage != nullptr ? *stage : model->program(); }
  bool cancelled() const { return cancel != nullptr && cancel->cancelled(); }
};

/// Walks the pass of a schedule, on the host or on another device. Of a plan of several stages, each has a runner that counts blocks from
/// its own first.
class Runner {
 public:
  virtual ~Runner() = default;

  /// Sends for the chunks that a pass wants first when it begins with `block`.
  virtual Status prime(std::int32_t block) = 0;

  /// Computes blocks from `first_block` on of a pass whose inputs are in the host's pass values, with the values of the blocks before.
  /// Gives the number of the block to go on with: that of all blocks when the pass is done, fewer where `layer_done` stopped it. Fails
  /// with io, corrupt_file, cancelled, device_lost or internal; the next pass then begins anew.
  virtual Result<std::int32_t> run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) = 0;
};

/// Hands a step of a pass to `take`, which has an overload for every kind that the runner knows; `internal` for the others.
template <typename Take>
Status take_step(const ScheduleStep& step, const Take& take) {
  return std::visit(
      [&](const auto& kind) -> Status {
        if constexpr (std::is_invocable_v<const Take&, decltype(kind)>) return take(kind);
        return Error{ErrorCode::internal, "a step that has no place in a pass", "schedule", "please report this"};
      },
      step);
}

}  // namespace plimsoll
