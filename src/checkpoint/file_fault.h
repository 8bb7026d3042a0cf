#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <plimsoll/os.h>

namespace plimsoll {

/// How errors about a checkpoint's files are worded.
inline std::string at_byte(const File& file, std::uint64_t offset) { return file.path() + " at byte " + std::to_string(offset); }

inline std::string quoted(std::string_view name) { return "\"" + printable(name, 120) + "\""; }

inline Error corrupt(std::string what, std::string where = {}) {
  return Error{ErrorCode::corrupt_file, std::move(what), std::move(where), "download or save the file again"};
}

}  // namespace plimsoll
