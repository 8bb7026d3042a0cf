#pragma once

#include <string_view>

#include "doctor/read_message.h"

namespace plimsoll::doctor {

/// Whether a kill that a line names behind `before` is denied ("No", "wasn't", "0 pods") or only supposed ("if", "would be").
bool is_denied(const Place& place, std::string_view before);

/// Whether "OOMKilled", whose "OOMKill" ends at the place, is the name of a value that tells of none, or of a column.
bool is_only_a_name(const Place& place);

}  // namespace plimsoll::doctor
