#pragma once

#include <plimsoll/os.h>

#include "checkpoint/header_sink.h"
#include "checkpoint/torch/pickle_values.h"

namespace plimsoll::torch {

/// The numbers of all storages, sorted by key. Those of one key must be of one type and size, and views of one key one part:
/// `corrupt_file`. Tagged `tables`.
Result<ArenaList<std::uint32_t>> sort_storages(Os& os, Ledger& ledger, const File& file, PickleValues& values);

/// Gives the sink each tensor of the dict `root`, by its key. Every storage's `place` must have been found, and lie within the file with
/// its bytes. Other members of the dict (numbers, texts, nested dicts) are left out, as transformers leaves them out. Fails with
/// `corrupt_file` (no dict, a tensor without a text as key, sizes that multiplied out overflow), `unsupported` (no tensor at this level;
/// elements that are repeated, so that one tensor is more than the file), naming the tensor.
Status give_tensors(PickleValues& values, const Value& root, const File& file, HeaderSink& sink);

}  // namespace plimsoll::torch
