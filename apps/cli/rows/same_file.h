#pragma once

#include <plimsoll/result.h>

#include "arguments/options.h"

namespace plimsoll::cli {

/// Refuses (`usage`) a request that would read and write one file, or write two results to one: --input, --output and
/// --report, standard input and output included, whatever names and links they go by. Devices and pipes are nobody's.
Status refuse_same_file(const Options& options);

}  // namespace plimsoll::cli
