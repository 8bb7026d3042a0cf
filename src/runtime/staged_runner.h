#pragma once

#include <memory>
#include <vector>

#include "runtime/runner.h"

namespace plimsoll {

/// Walks the stages of a plan, each by a runner of its own, one after the other. What a stage hands on lies in the host's memory in
/// between.
class StagedRunner final : public Runner {
 public:
  struct Part {
    std::int32_t first_block = 0;
    std::int32_t blocks = 0;
    std::unique_ptr<Runner> runner;
  };
  /// At least one, which together have all blocks, in order.
  explicit StagedRunner(std::vector<Part> parts) : parts_(std::move(parts)) {}

  /// Sends for the first chunks of all stages: of the one that has `block`, for that block.
  Status prime(std::int32_t block) override;
  Result<std::int32_t> run(PassSize size, std::int32_t first_block, const LayerFunction& layer_done) override;

 private:
  std::vector<Part> parts_;
};

}  // namespace plimsoll
