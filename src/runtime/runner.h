#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <plimsoll/result.h>

#include "runtime/step_builder.h"

namespace plimsoll {

/// Told the name of each block at its end. False: stop here.
using LayerFunction = std::function<bool(std::string_view)>;

/// Walks the pass of a schedule, on the host or on another device.
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

}  // namespace plimsoll
