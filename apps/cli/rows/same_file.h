#pragma once

#include <plimsoll/os.h>
#include <plimsoll/result.h>

#include "arguments/options.h"

namespace plimsoll::cli {

/// Refuses (`usage`) a request that would read and write one file, or write two results to one: --input, --output and
/// --report, standard input, output and error included, whatever names and links they go by (results and messages may share one);
/// likewise to write over a file of a model, a device map or a script of events. Devices and pipes are nobody's.
Status refuse_same_file(const Options& options, Os& os);

}  // namespace plimsoll::cli
