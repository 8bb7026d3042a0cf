#pragma once

#include <string>

#include <plimsoll/plan.h>

#include "target.h"

namespace plimsoll::fuzz {

/// A machine that exists on paper only, and a device beside it.
Snapshot paper_machine(Bytes budget);
Accelerator paper_accelerator(std::string name, Bytes memory);

/// What must hold of every plan.
void check(const Plan& plan);

}  // namespace plimsoll::fuzz
