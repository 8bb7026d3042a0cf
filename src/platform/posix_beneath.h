#pragma once

#include <linux/openat2.h>
#include <sys/types.h>

#include <string>

#include "platform/posix_file.h"

namespace plimsoll {

/// As openat2(2); tests put one in its place that the system does not have.
using OpenAt2Call = long (*)(int folder, const char* path, const open_how* how, std::size_t size);

long call_openat2(int folder, const char* path, const open_how* how, std::size_t size);

/// Opens `name`, relative to the open folder `root`, with openat2's RESOLVE_BENEATH: links are followed as long as none leads out of
/// `root`, not even on the way to a place inside. Where the system has no openat2, or forbids it, the name is walked part by part with the
/// same outcome. `flags` as for open(2), to read. None with errno: EXDEV when a link leads out, else open's.
Descriptor open_beneath(int root, const std::string& name, int flags, OpenAt2Call openat2_call = &call_openat2);

}  // namespace plimsoll
