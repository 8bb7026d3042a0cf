#pragma once

#include <plimsoll/os.h>

namespace plimsoll {

/// Os::load_library.
Result<std::shared_ptr<Library>> posix_load_library(Gate& gate, const std::string& name);

}  // namespace plimsoll
