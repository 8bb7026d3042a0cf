#pragma once

#include <memory>

#include "runtime/runner.h"
#include "stream/slot_reader.h"

namespace plimsoll {

/// The host walks: brings streamed weights through their slots ahead of their use and hands ops to the kernels. What it
/// is made of outlives it. Allocates and opens nothing after `create`, but where a pass begins anew after one that was not finished.
class PassRunner final : public Runner {
 public:
  /// Opens files for direct reads and starts the reader's threads where the schedule streams.
  static Result<std::unique_ptr<PassRunner>> create(const RunnerOptions& options);

  Status prime(std::int32_t block) override;
  Result<std::int32_t> run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) override;

 private:
  explicit PassRunner(const RunnerOptions& options) : options_(options) {}
  Result<std::int32_t> walk(PassSize size, std::int32_t first_block, const LayerFunction& layer_done);
  Status take(const FetchStep& step, PassSize size);
  Status take(const FreeStep& step, PassSize size);
  Status take(const GatherTableStep& step, PassSize size);
  Status take(const ComputeStep& step, PassSize size);
  Status compute_chunk(const LinearOp& op, std::int32_t chunk, PassSize size);
  StepBuilder builder() const { return {options_.program(), *options_.schedule, *options_.host}; }
  int slot_of(std::int32_t chunk) const;

  RunnerOptions options_;
  std::unique_ptr<SlotReader> reader_;
  std::int32_t primed_for_ = -1;  // the block that a pass may begin with, or -1
};

}  // namespace plimsoll
