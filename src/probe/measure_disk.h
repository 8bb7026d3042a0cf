#pragma once

#include <string>

#include <plimsoll/os.h>

namespace plimsoll::probe {

/// A file must have this much, or the time is too short to say anything.
inline constexpr Bytes kLeastToMeasure = mib(64);

/// Bytes a second that two readers get from `path` with O_DIRECT, 4 MiB at a time from its start, within about 0.3 s or until the file
/// ends. Takes 8 MiB while it runs. Fails with `unsupported` where the file is smaller than kLeastToMeasure or its file system has no
/// O_DIRECT, otherwise as reads, memory and threads do. Not called by `run` or `plan`.
Result<double> measure_disk_read(Os& os, const std::string& path);

}  // namespace plimsoll::probe
