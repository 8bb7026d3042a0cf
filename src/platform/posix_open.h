#pragma once

#include <fcntl.h>

#include <functional>
#include <string>
#include <string_view>

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

/// Shows `visit` the names in a folder, which is opened relative to the open folder `at` (or AT_FDCWD), in any order; none if it cannot be
/// read.
void visit_names(Gate& gate, int at, const std::string& path, const std::function<void(std::string_view name)>& visit);

/// folder/name
std::string joined(const std::string& folder, const std::string& name);

}  // namespace plimsoll
