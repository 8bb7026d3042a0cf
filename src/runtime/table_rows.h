#pragma once

#include <cstddef>
#include <span>

#include "checkpoint/checkpoint.h"
#include "model/binding.h"
#include "model/program.h"
#include "platform/thread_pool.h"

namespace plimsoll {

/// Fetches the rows of a table that tokens name from the table's file, one a token: out is [ids, inputs] as stored. All are asked for
/// before the first is waited for, so that the disk sees them at once; what texts use often stays in the page cache while there is
/// room. `ids` are rows of the table. Fails with io or corrupt_file after a second attempt.
Status read_table_rows(const Checkpoint& checkpoint, const BoundPart& part, std::uint64_t row_bytes, std::span<const std::int32_t> ids,
                       std::byte* out, ThreadPool& pool);

}  // namespace plimsoll
