#pragma once

#include <string>

namespace plimsoll::cli {

/// The file that a chain of symbolic links ends at, also where it is not there yet; `path` itself where they go round in a circle.
std::string resolved_path(const std::string& path);

/// Whether what is written to `fd`, a regular file that is not empty, is memory: on tmpfs or ramfs, or on an overlay (containers, live
/// systems) whose upper layer is one; also where the system does not tell. Of a ramfs that cannot be seen from here it is not known, nor
/// before Linux 5.14.
bool lives_in_memory(int fd);

}  // namespace plimsoll::cli
