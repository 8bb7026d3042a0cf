#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/os.h>

#include "checkpoint/tensor_table.h"
#include "hub/opening.h"

namespace plimsoll {

/// Most shards that one index may name.
inline constexpr std::size_t kMaxShards = 4096;

/// The distinct shard names in an index file's `weight_map`, sorted. A name is a plain file name ending in
/// `suffix` (".safetensors"): separators, "..", control characters and more than 255 bytes are `corrupt_file`. Takes the index off
/// `opening`.
Result<std::vector<std::string>> read_shard_names(File& index, std::string_view suffix, Opening& opening);

/// Checks that the index and the shards name the same tensors: each in the shard that `weight_map` says, none twice, none
/// left out on either side. `shards[i]` is shard i of the table. The error lists names. `metadata.total_size` is a hint
/// and is not checked. `cancel` may be null.
Status check_weight_map(Os& os, Ledger& ledger, File& index, const std::vector<std::string>& shards, const TensorTable& table,
                        const CancelToken* cancel);

}  // namespace plimsoll
