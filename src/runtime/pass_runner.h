#pragma once

#include <memory>

#include <plimsoll/model.h>
#include <plimsoll/session.h>

#include "device/device.h"
#include "plan/schedule.h"
#include "platform/thread_pool.h"
#include "runtime/runner.h"
#include "stream/slot_reader.h"

namespace plimsoll {

/// The host walks: brings streamed weights through their slots ahead of their use and hands ops to the kernels. What it
/// is made of outlives it. Allocates and opens nothing after `create`, but where a pass begins anew after one that was not finished.
class PassRunner final : public Runner {
 public:
  struct Options {
    Os* os = nullptr;
    const Model* model = nullptr;
    const Schedule* schedule = nullptr;
    const Reservation* reservation = nullptr;
    Kernels* kernels = nullptr;
    Stream* stream = nullptr;
    ThreadPool* pool = nullptr;
    const CancelToken* cancel = nullptr;  ///< may be null
  };
  /// Opens files for direct reads and starts the reader's threads where the schedule streams.
  static Result<std::unique_ptr<PassRunner>> create(const Options& options);

  Status prime(std::int32_t block) override;
  Result<std::int32_t> run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) override;

 private:
  explicit PassRunner(const Options& options) : options_(options) {}
  Status open_ring();
  Result<std::int32_t> walk(PassSize size, std::int32_t first_block, const LayerFunction& layer_done);
  Status take(const ScheduleStep& step, PassSize size);
  Status take(const FetchStep& step, PassSize size);
  Status take(const FreeStep& step, PassSize size);
  Status take(const GatherTableStep& step, PassSize size);
  Status take(const ComputeStep& step, PassSize size);
  Status compute_chunk(const LinearOp& op, std::int32_t chunk, PassSize size);
  StepBuilder builder() const { return {options_.model->program(), *options_.schedule, *options_.reservation}; }
  int slot_of(std::int32_t chunk) const;

  Options options_;
  std::unique_ptr<SlotReader> reader_;
  std::int32_t primed_for_ = -1;  // the block that a pass may begin with, or -1
};

}  // namespace plimsoll
