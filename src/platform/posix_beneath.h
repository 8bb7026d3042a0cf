#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "platform/posix_file.h"

namespace plimsoll {

/// As openat2(2); tests put one in its place that the system does not have.
using OpenAt2Call = long (*)(int folder, const char* path, const open_how* how, std::size_t size);

long call_openat2(int folder, const char* path, const open_how* how, std::size_t size);

/// Opens a folder to open others in it.
inline constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;

/// Open folders, each inside the one before: a root, then the way to the folder that counts. Never empty.
using FolderChain = std::vector<std::shared_ptr<const Descriptor>>;

/// Opens `name`, relative to the last folder of `folders`: links are followed as long as none leads out of the first, not even on the way
/// to a place inside. By openat2's RESOLVE_BENEATH where there is no link and no way out of the last folder; else, and where the system has
/// no openat2 or forbids it, the name is walked part by part, and ".." leads through the folders that are open, whatever was renamed.
/// `flags` as for open(2), to read. None with errno: EXDEV when a link leads out, ELOOP beyond 40 links or PATH_MAX bytes in all of them,
/// else open's.
Descriptor open_beneath(const FolderChain& folders, const std::string& name, int flags, OpenAt2Call openat2_call = &call_openat2);

/// Goes on to the folder `name`, by the same rules. False with errno, `folders` then as they were.
bool enter_beneath(FolderChain& folders, const std::string& name);

}  // namespace plimsoll
