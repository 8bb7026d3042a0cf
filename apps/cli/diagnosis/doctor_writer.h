#pragma once

#include <vector>

#include <plimsoll/doctor.h>
#include <plimsoll/plan.h>

#include "text/json_writer.h"

namespace plimsoll::cli {

/// {"schema": 1, "diagnoses": [...]}, and the plan where there is one. What a log does not say is null.
void write_diagnoses(JsonWriter& json, const std::vector<doctor::Diagnosis>& diagnoses, const Plan* plan);

}  // namespace plimsoll::cli
