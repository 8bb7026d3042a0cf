#include "hub/versions.h"

#include <string>

namespace plimsoll {

Status refuse_versions(const JsonValue& config, std::string_view key, std::string_view file) {
  PLIMSOLL_TRY(const auto names, config.optional_array(key));
  if (!names) return {};
  for (const JsonValue name : names->children()) {
    PLIMSOLL_TRY(const std::string_view text, name.as_string());
    if (text == file) continue;
    return Error{ErrorCode::unsupported, "a model with several versions of " + std::string(file), name.where(),
                 "call the newest " + std::string(file) + ", and remove " + std::string(key)};
  }
  return {};
}

}  // namespace plimsoll
