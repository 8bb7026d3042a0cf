#pragma once

#include <cstdint>
#include <vector>

#include <plimsoll/plan.h>

#include "model/binding.h"
#include "model/program.h"

namespace plimsoll {

/// One way to run: how blocks are stored, what is multiplied, how large a pass is. The list of candidates depends on the
/// model, workload and policy alone, never on a budget: so `smallest_budget` is a fact about the request.
struct Candidate {
  ElementType storage = ElementType::float32;  ///< of blocks that are not narrowed
  ElementType compute = ElementType::float32;
  std::optional<Rung> narrowing;     ///< bfloat16 or float16: the rung that narrows blocks
  std::int64_t narrowed_blocks = 0;  ///< the last so many blocks are stored in `narrowing`'s type
  std::int64_t tokens_per_pass = 0;
  std::int64_t texts_per_pass = 0;
  bool microbatch = false;  ///< below the batch size that was asked for
  int loss = 0;             ///< 0: the precision asked for; larger is worse
};

/// Storage and compute types for `--dtype` (or auto) on a device.
struct Precision {
  ElementType storage = ElementType::float32;
  ElementType compute = ElementType::float32;
};
Precision choose_precision(std::optional<ElementType> dtype, ElementType stored_type, bool native_bfloat16);

std::vector<Candidate> candidates(const Program& program, const Binding& binding, const Workload& workload, const Policy& policy,
                                  bool native_bfloat16);

/// Storage type of `block` under a candidate.
ElementType block_storage(const Candidate& candidate, std::int64_t block, std::int64_t blocks);

}  // namespace plimsoll
