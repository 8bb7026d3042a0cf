#pragma once

#include <fcntl.h>

#include <string>
#include <vector>

#include <plimsoll/os.h>

#include "platform/posix_file.h"

namespace plimsoll {

/// Never waits for a FIFO's other end; a terminal does not become this process's own.
inline constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

/// What an errno of open(2) means.
Error cannot_open(int code, const std::string& path);

/// The file behind `fd`, which is what open gave, errno with it. Fails where that is none, or no regular file.
Result<std::unique_ptr<File>> regular_file(Descriptor fd, const std::string& path, Gate& gate);

/// Like `regular_file`, for what is read through `fd` itself.
Status check_regular(const Descriptor& fd, const std::string& path);

/// Names in a folder, which is opened relative to the open folder `at` (or AT_FDCWD); sorted; empty if it cannot be read.
std::vector<std::string> names_in(Gate& gate, int at, const std::string& path);

/// folder/name
std::string joined(const std::string& folder, const std::string& name);

}  // namespace plimsoll
