#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "device/step.h"
#include "platform/thread_pool.h"

namespace plimsoll::bench {

/// A linear layer over oneDNN the way the product would have used it: single-thread primitives of one tile, at most 128 rows x 64
/// outputs x full K with bias, dense destinations, a scratchpad a thread, spread over our pool. For comparison only.
class DnnlTiles {
 public:
  /// Weights are [outputs, inputs] rows of float32 or bfloat16; outputs is a multiple of 64, rows at most 128 or a multiple of it.
  /// `packed` lets oneDNN lay them out as it likes.
  DnnlTiles(std::int64_t rows, std::int64_t inputs, ElementType type, bool packed, int threads);
  ~DnnlTiles();

  /// One panel's 64 rows in the form that `run` reads.
  std::vector<std::byte> prepare(const std::byte* rows) const;
  std::size_t panel_bytes() const;
  /// `weights` holds outputs / 64 prepared panels, one after the other; out is [panel][rows][64].
  void run(ThreadPool& pool, const std::byte* x, const std::byte* weights, const float* bias, std::int64_t outputs, std::byte* out);
  /// "brg:avx512_core", ...
  std::string kernel() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::bench
