#pragma once

#include <plimsoll/device_status.h>
#include <plimsoll/os.h>
#include <plimsoll/result.h>

namespace plimsoll::cli {

/// Sends SIGTERM to a process of this user that is still the one that was described. Fails with `usage` for another user's, for one that
/// nothing is known about (the numbers may be another machine's), and for one that is gone.
Status end_process(Os& os, const ProcessStatus& process);

}  // namespace plimsoll::cli
