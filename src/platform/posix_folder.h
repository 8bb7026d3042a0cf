#pragma once

#include <plimsoll/os.h>

namespace plimsoll {

/// Os::open_folder. `gate` must outlive the folder.
Result<std::unique_ptr<Folder>> posix_open_folder(Gate& gate, const std::string& root, const std::string& inside);

}  // namespace plimsoll
