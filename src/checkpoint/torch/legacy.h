#pragma once

#include <cstddef>
#include <span>

#include <plimsoll/os.h>

#include "checkpoint/header_sink.h"
#include "hub/opening.h"
#include "memory/ledger.h"

namespace plimsoll::torch {

/// True when a file that begins with these bytes is one of PyTorch's before 1.6: the pickle of its magic number.
bool looks_like_legacy(std::span<const std::byte> first_bytes);

/// Fails with `unsupported` when a file that begins with these bytes is one of them, but pickled by another protocol than 2.
Status refuse_other_protocols(std::span<const std::byte> first_bytes);

/// The older form: pickles of a magic number, the protocol 1001, facts of the machine, the object and the list of storage keys; then for
/// each key an int64 count of elements and the elements. The file ends with the last. As `read_torch_file`.
Status read_legacy(Os& os, Ledger& ledger, File& file, HeaderSink& sink, Opening& opening);

}  // namespace plimsoll::torch
