#pragma once

#include <plimsoll/model.h>

#include "plan/schedule.h"
#include "stream/slot_reader.h"

namespace plimsoll {

/// Where a chunk's rows are in the model's files.
Extent chunk_extent(const Model& model, const Chunk& chunk);

}  // namespace plimsoll
