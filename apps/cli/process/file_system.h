#pragma once

namespace plimsoll::cli {

/// Whether what is written to `fd`, a regular file, is memory: on tmpfs or ramfs, or on an overlay (containers, live systems) whose upper
/// layer is one, as far as that can be seen from here.
bool lives_in_memory(int fd);

}  // namespace plimsoll::cli
