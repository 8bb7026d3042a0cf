#pragma once

#include <plimsoll/os.h>

namespace plimsoll {

/// Os::private_folder for the value of XDG_RUNTIME_DIR, if it is set.
Result<std::string> posix_private_folder(const std::optional<std::string>& runtime_folder);

/// Os::lock_file.
Result<std::unique_ptr<FileLock>> posix_lock_file(Gate& gate, const std::string& path, std::chrono::milliseconds patience,
                                                  const CancelToken* cancel);

/// Os::is_locked.
bool posix_is_locked(Gate& gate, const std::string& path);

}  // namespace plimsoll
