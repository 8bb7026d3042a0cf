#pragma once

#include <plimsoll/plan.h>

#include "text/json_writer.h"

namespace plimsoll::cli {

/// The plan as an object (DESIGN.md section 6).
void write_plan(JsonWriter& json, const Plan& plan);

/// {device: bytes}
void write_budgets(JsonWriter& json, const std::vector<DeviceBytes>& budgets);

}  // namespace plimsoll::cli
