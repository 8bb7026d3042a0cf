#pragma once

#include <plimsoll/bytes.h>

#include "arguments/options.h"

namespace plimsoll::cli {

/// What a process keeps of what it was started with, texts, flags and environment, as far as no plan has room for it.
Bytes held_at_start(const Options& options);

}  // namespace plimsoll::cli
