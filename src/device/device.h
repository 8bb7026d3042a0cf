#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <plimsoll/result.h>

#include "device/step.h"

namespace plimsoll {

/// What a back end computes with, as values. The planner reads this and never a device.
struct WorkspaceNeeds {
  std::int64_t largest_inputs = 0;  ///< widest K of a linear layer
  std::int64_t longest_text = 0;    ///< tokens
  std::int64_t head_dim = 0;
  int threads = 1;
  std::int64_t tokens = 0;  ///< most rows of one linear step; 0 counts as unbounded
};

/// An ordered queue of work on one device. Back ends derive their own (a CUDA stream, a simulated queue).
class Stream {
 public:
  virtual ~Stream() = default;
};

/// Runs steps. Errors of a step may surface only at `synchronize`, which discards what was queued since the last one.
/// One thread at a time. Everything is acquired when the back end is created; a step allocates nothing.
class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual void enqueue(Stream& stream, const Step& step) = 0;
  virtual Status synchronize(Stream& stream) = 0;
};

}  // namespace plimsoll
