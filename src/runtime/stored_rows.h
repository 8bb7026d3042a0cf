#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <plimsoll/model.h>

#include "plan/layout/schedule.h"
#include "runtime/runner.h"
#include "stream/slot_reader.h"

namespace plimsoll {

/// Where a chunk's rows are in the model's files.
Extent chunk_extent(const Model& model, const Chunk& chunk);

/// Bytes of one row of a weight as its file has it.
std::uint64_t stored_row_bytes(const Model& model, WeightId weight);

/// Fills the ring's host slots in the host's `staging` memory, which stays as long as a reader may write there. Opens the model's files for
/// direct reads and starts the reader's threads.
Result<std::unique_ptr<SlotReader>> open_chunk_reader(const RunnerOptions& options);

/// Where `rows` whole rows of a weight are to be used: where they are, if the plan has them as stored; else at `prepared`, and their
/// conversion from `stored` is queued.
const std::byte* prepare_rows(const RunnerOptions& options, WeightId weight, std::int64_t rows, const std::byte* stored,
                              std::byte* prepared);

}  // namespace plimsoll
