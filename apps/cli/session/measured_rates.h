#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "session/context.h"

namespace plimsoll::cli {

/// Measures the rates of `machine` for the plans to come, with `file` as measure_rates() takes it and `doing` as the progress that is
/// shown. Warns where they cannot be measured, and gives nothing then, or cannot be remembered.
std::optional<Rates> measured_rates(Context& context, const Snapshot& machine, const std::string& file, std::string_view doing);

}  // namespace plimsoll::cli
