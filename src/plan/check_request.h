#pragma once

#include <array>

#include <plimsoll/plan.h>

namespace plimsoll {

/// What weights can be held as.
inline constexpr std::array kStorageTypes = {ElementType::float32, ElementType::bfloat16, ElementType::float16};

/// That a plan can be made of this at all: `usage` for numbers that no model, machine or session has, `unsupported` for types that weights
/// are not held as. Behind it, sizes of a pass do not overflow.
Status check_request(const Model& model, const Snapshot& machine, const Workload& workload, const Policy& policy);

}  // namespace plimsoll
