#pragma once

#include <plimsoll/os.h>

#include "checkpoint/header_sink.h"
#include "hub/opening.h"
#include "memory/ledger.h"

namespace plimsoll::torch {

/// Reads the tensors of a file that torch.save wrote of a state_dict, in either of its forms, without unpickling: the archive (a pickle
/// and one stored entry a storage) or the older sequence of five pickles and the storages. Gives the sink each tensor, checked to lie
/// within the file. Reads what describes the tensors, never their data. Memory: the pickle and what it says, in arenas tagged `tables` that
/// are given back before it returns: at most 160 MiB. Fails with
/// - `unsupported` naming what it is: another global, instruction, protocol or version, TorchScript, big-endian or compressed files, a
///   pickle or directory that is too long;
/// - `corrupt_file` naming file and byte offset, entry, storage or tensor;
/// - `io`, `out_of_memory`, and as `opening`, of which pickles and directories take Opening::kPickleCost times their bytes.
/// Forms: https://pytorch.org/docs/stable/notes/serialization.html
Status read_torch_file(Os& os, Ledger& ledger, File& file, HeaderSink& sink, Opening& opening);

}  // namespace plimsoll::torch
