#pragma once

#include <string_view>

#include <plimsoll/os.h>
#include <plimsoll/result.h>

#include "arguments/options.h"

namespace plimsoll::cli {

/// Where an error is that must not be told on standard error: it would be written into a file that is read.
inline constexpr std::string_view kStandardError = "standard error";

/// Refuses (`usage`) a request that would read and write one file, or write two results to one: --input, --output and
/// --report, standard input, output and error included, whatever names and links they go by (where they are redirected, results and
/// messages may share one); likewise to write over a file of a model, a device map or a script of events. Devices and pipes are nobody's.
Status refuse_same_file(const Options& options, Os& os);

/// Messages go to standard output from now on; nowhere, where that is the same file.
void leave_standard_error();

}  // namespace plimsoll::cli
