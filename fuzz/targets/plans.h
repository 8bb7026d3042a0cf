#pragma once

#include <plimsoll/plan.h>

#include "target.h"

namespace plimsoll::fuzz {

/// What must hold of every plan.
void check(const Plan& plan);

}  // namespace plimsoll::fuzz
