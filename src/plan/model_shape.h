#pragma once

#include <cstdint>

#include "model/binding.h"
#include "model/program.h"

namespace plimsoll {

/// All of a model that a plan's sizes and offsets come from, in one number: a plan may be used with the models that have the same.
std::uint64_t model_shape(const Program& program, const Binding& binding);

}  // namespace plimsoll
