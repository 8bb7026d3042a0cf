#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <plimsoll/plan.h>

#include "model/binding.h"
#include "model/program.h"
#include "plan/candidates/home.h"

namespace plimsoll {

/// One way to run: how blocks are stored and which of them stay in memory, what is multiplied, how large a pass is. The list of candidates
/// depends on the model, workload and policy alone, never on a budget: so `smallest_budget` is a fact about the request.
struct Candidate {
  ElementType storage = ElementType::float32;  ///< of blocks that are not narrowed
  ElementType compute = ElementType::float32;
  std::optional<Rung> narrowing;     ///< bfloat16 or float16: the rung that narrows blocks
  std::int64_t narrowed_blocks = 0;  ///< the last so many blocks are stored in `narrowing`'s type
  std::int64_t tokens_per_pass = 0;
  std::int64_t texts_per_pass = 0;
  bool microbatch = false;           ///< below the batch size that was asked for
  std::int32_t device = 0;           ///< that computes: 0 the host, 1 an accelerator
  std::int64_t streamed_blocks = 0;  ///< the last so many of residency_order pass through a ring of slots in each pass
  std::int64_t host_blocks = 0;      ///< the first so many of those come from the host's memory, not from disk
  std::uint64_t chunk_bytes = 0;     ///< of the ring
  std::int32_t slots = 0;
  Home table = Home::device;  ///< of the word table: elsewhere, its rows are fetched as they are needed
  bool gathers() const { return table != Home::device; }
  std::shared_ptr<const std::vector<Home>> homes;  ///< of the blocks of a stage, where they are given and not taken from residency_order
  int loss = 0;                                    ///< 0: the precision asked for; larger is worse
};

/// Storage and compute types for `--dtype` (or auto) on a device.
struct Precision {
  ElementType storage = ElementType::float32;
  ElementType compute = ElementType::float32;
};
Precision choose_precision(std::optional<ElementType> dtype, ElementType stored_type, bool native_bfloat16);

bool forbids(const Policy& policy, Rung rung);

/// Chunks of a ring and its slots.
struct RingShape {
  std::uint64_t chunk_bytes = 0;
  std::int32_t slots = 0;
};

/// Those that are tried: large chunks waste the least time between them; the last shape is the least that there is.
std::span<const RingShape> ring_shapes(const Policy& policy);
/// The same where the host computes, with deeper rings before them: its products and its reads hinder each other now and then, and what
/// is read far ahead evens that out.
std::span<const RingShape> host_ring_shapes(const Policy& policy);

/// Sizes of a pass and precisions, everything resident.
std::vector<Candidate> resident_candidates(const Program& program, const Binding& binding, const Workload& workload, const Policy& policy,
                                           bool native_bfloat16, std::int32_t device = 0);

/// What a model has that need not stay in memory.
struct Movable {
  std::int64_t blocks = 0;      ///< of the program
  std::int64_t streamable = 0;  ///< of these: blocks in residency_order
  bool table = false;           ///< whether the word table can be gathered
  std::int64_t steps = 64;      ///< how many numbers of blocks that stay are tried at most
};
Movable find_movable(const Program& program, const Binding& binding);

/// How much of a resident candidate stays in memory. An accelerator may be fed from the host's memory as well as from disk.
std::vector<Candidate> placements(Candidate resident, const Movable& movable, const Policy& policy);

/// Storage type of `block` under a candidate.
ElementType block_storage(const Candidate& candidate, std::int64_t block, std::int64_t blocks);

}  // namespace plimsoll
