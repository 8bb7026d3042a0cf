#pragma once

#include <string_view>

#include <plimsoll/result.h>

#include "json/json_document.h"

namespace plimsoll {

/// A file of a model may lie beside others for newer versions of transformers, which takes the newest that it can read of those that `key`
/// lists. Refuses (`unsupported`) a list of any but `file`.
Status refuse_versions(const JsonValue& config, std::string_view key, std::string_view file);

}  // namespace plimsoll
