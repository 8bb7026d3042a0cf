#pragma once

#include <optional>
#include <string_view>

#include <plimsoll/bytes.h>

namespace plimsoll::cli {

/// What a line "RssAnon:     1234 kB" of a status file says of `name`; nothing where there is no such line. Format: proc(5).
std::optional<Bytes> status_field(std::string_view status, std::string_view name);

}  // namespace plimsoll::cli
