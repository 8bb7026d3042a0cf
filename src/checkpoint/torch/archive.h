#pragma once

#include <plimsoll/os.h>

#include "checkpoint/header_sink.h"
#include "hub/opening.h"
#include "memory/ledger.h"

namespace plimsoll::torch {

/// The form of PyTorch 1.6 and later: a zip archive of data.pkl and data/KEY for each storage, all stored as they are, whose size must be
/// what the pickle says. `version` and `byteorder` are checked where they are there, with their checksums and data.pkl's; storages'
/// checksums are not, for that would read all weights. As `read_torch_file`.
Status read_archive(Os& os, Ledger& ledger, File& file, HeaderSink& sink, Opening& opening);

}  // namespace plimsoll::torch
